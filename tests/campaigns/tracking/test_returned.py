"""The reader of returned mail: causes, formats of many servers and languages, labelled samples, broken input."""

import csv
import random
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.tracking.returned import CAUSES, diagnose, read_returned
from campaigns.tracking.returned.boxes import mails_in
from campaigns.tracking.returned.diagnosis import DEAD

WORDS = [
    # status, text, cause, hard
    (
        "5.1.1",
        "smtp;550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550 5.1.1 unnecessary spaces. x - gsmtp",
        "address_unknown",
    ),
    ("", "550 5.2.1 The email account that you tried to reach is disabled. gsmtp", "disabled"),
    (
        "5.2.2",
        "smtp; 552-5.2.2 The email account that you tried to reach is over quota and inactive",
        "mailbox_full",
    ),
    (
        "5.7.1",
        "550-5.7.1 [1.2.3.4      12] Our system has detected that this message is\n550-5.7.1 likely unsolicited mail. To reduce the amount of spam sent to Gmail,\n550 5.7.1 this message has been blocked.",
        "spam",
    ),
    (
        "5.7.26",
        "550-5.7.26 This mail has been blocked because the sender is unauthenticated.\n550-5.7.26 Gmail requires all senders to authenticate with either SPF or DKIM.",
        "authentication",
    ),
    (
        "",
        "550 5.7.515 Access denied, sending domain SHOP.EXAMPLE doesn't meet the required authentication level.",
        "authentication",
    ),
    (
        "4.7.28",
        "421-4.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP",
        "spam",
    ),
    (
        "",
        "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302). [x.outlook.com]",
        "address_unknown",
    ),
    (
        "",
        "550 5.7.1 Unfortunately, messages from [1.2.3.4] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140).",
        "spam",
    ),
    ("", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281)", "address_unknown"),
    (
        "5.1.10",
        "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",
        "address_unknown",
    ),
    (
        "",
        "554 delivery error: dd This user doesn't have a yahoo.com account (x@yahoo.com) [-5]",
        "address_unknown",
    ),
    (
        "",
        "554 delivery error: dd Sorry your message to x@yahoo.com cannot be delivered. This account has been disabled or discontinued [#102].",
        "disabled",
    ),
    (
        "",
        "421 4.7.0 [TSS04] Messages from 1.2.3.4 temporarily deferred due to user complaints - 4.16.55.1",
        "spam",
    ),
    ("", "552 1 Requested mail action aborted, mailbox not found", "address_unknown"),
    (
        "",
        "550 5.1.1 <x@y.z>: Recipient address rejected: User unknown in virtual mailbox table",
        "address_unknown",
    ),
    ("", "554 5.7.1 <x@y.z>: Relay access denied", "protocol"),
    ("", "554 5.7.1 Service unavailable; Client host [1.2.3.4] blocked using zen.spamhaus.org", "spam"),
    ("", "450 4.2.0 <x@y.z>: Recipient address rejected: Greylisted, see http://postgrey", "rate_limited"),
    ("", "450 4.1.1 <x@y.z>: Recipient address rejected: unverified address: Host not found", "temporary"),
    ("", "552 5.3.4 Message size exceeds fixed limit", "too_big"),
    ("", "552 5.2.3 Message exceeds maximum fixed size (10485760)", "too_big"),
    ("4.4.1", "connect to mx.example.net[1.2.3.4]:25: Connection timed out", "temporary"),
    (
        "5.4.4",
        "Host or domain name not found. Name service error for name=exampel.com type=AAAA: Host not found",
        "domain_unknown",
    ),
    (
        "4.4.3",
        "Host or domain name not found. Name service error for name=x.com type=MX: Host not found, try again",
        "temporary",
    ),
    ("5.1.2", "smtp; 550 Host unknown", "domain_unknown"),
    (
        "",
        "556 5.1.10 <x@y>: Recipient address rejected: Domain y does not accept mail (nullMX)",
        "domain_unknown",
    ),
    ("5.4.6", "554 5.4.6 Hop count exceeded - possible mail loop", "protocol"),
    (
        "",
        "550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy",
        "policy",
    ),
    ("", "554 5.6.0 Message contains a virus", "policy"),
    ("", "550 Mail content denied. http://service.mail.qq.com", "policy"),
    ("", "550 Mailbox not found. http://service.mail.qq.com/cgi-bin/help?subtype=1", "address_unknown"),
    ("", "550 Requested mail action not taken: mailbox is inactive", "disabled"),
    ("", "550 user has moved to new address <y@z>", "moved"),
    ("", "Unknown local user", "address_unknown"),
    ("", "Sorry, no mailbox here by that name. (#5.1.1)", "address_unknown"),
    ("", "Sorry, I couldn't find any host named exampel.com. (#5.1.2)", "domain_unknown"),
    ("", "User mailbox exceeds allowed size", "mailbox_full"),
    ("", "Das Postfach des Empfängers ist voll", "mailbox_full"),
    ("", "Der Empfänger existiert nicht", "address_unknown"),
    ("", "La boîte aux lettres du destinataire est pleine", "mailbox_full"),
    ("", "L'adresse du destinataire n'existe pas", "address_unknown"),
    ("", "El buzón del destinatario está lleno", "mailbox_full"),
    ("", "El usuario no existe", "address_unknown"),
    ("", "Casella di posta piena", "mailbox_full"),
    ("", "Utente sconosciuto", "address_unknown"),
    ("", "Почтовый ящик переполнен", "mailbox_full"),
    ("", "Пользователь не найден", "address_unknown"),
    ("", "宛先のメールアドレスが見つかりません", "address_unknown"),
    ("", "5.1.1 unknown user", "address_unknown"),
    ("5.0.0", "", "undetermined"),
    ("5.1.1", "", "address_unknown"),
    ("4.4.7", "", "temporary"),
    ("5.7.1", "", "policy"),
    ("", "550 SPF check failed: 1.2.3.4 is not allowed to send mail from shop.example", "authentication"),
    ("", "550 5.7.1 Email rejected per DMARC policy for shop.example", "authentication"),
    ("", "452 4.5.3 Too many recipients", "rate_limited"),
    ("", "553 5.1.8 <a@b>... Domain of sender address a@b does not exist", "protocol"),
    ("", "450 4.1.8 <a@b>: Sender address rejected: Domain not found", "protocol"),
    ("", "550 No such user here", "address_unknown"),
    ("", "550 #5.1.0 Address rejected.", "address_unknown"),
    ("", "550 5.1.1 Recipient rejected: spam content", "spam"),
    ("", "451 4.3.0 Temporary lookup failure", "temporary"),
    ("", "554 Transaction failed : Cannot send message due to possible abuse", "spam"),
    ("", "550 Account is not local", "address_unknown"),
    ("", "unrouteable address", "address_unknown"),
    ("", "retry timeout exceeded", "temporary"),
    ("", "all relevant MX records point to non-existent hosts", "domain_unknown"),
    ("", "550 This account is no longer in use", "address_unknown"),
    ("", "550 Unrouteable address", "address_unknown"),
    ("", "mailbox for x is full", "mailbox_full"),
    ("", "Message refused by x because sender not in whitelist", "policy"),
    ("", "The recipient is only accepting mail from specific email addresses", "policy"),
    ("", "550 5.2.2 user over quota; cannot receive new mail", "mailbox_full"),
    ("", "550 sorry, no valid recipients", "address_unknown"),
    ("", "550 5.1.1 User unknown; rejecting", "address_unknown"),
    ("", "User is unknown", "address_unknown"),
    ("", "Benutzer unbekannt", "address_unknown"),
    ("", "554 5.4.14 Hop count exceeded - possible mail loop ATTR34", "protocol"),
    ("", "550 5.1.1 sorry, no such account x (#5.1.1)", "address_unknown"),
    ("", "550 Blocked - see https://ipcheck.proofpoint.com/?ip=1.2.3.4", "spam"),
    ("", "550 high probability of spam", "spam"),
    ("", "550 5.7.0 Local Policy Violation", "policy"),
    ("", "550 Administrative prohibition", "policy"),
    ("", "550 permanent failure for one or more recipients (x@y.z:blocked)", "policy"),
    ("", "550-Verification failed for <a@b>\n550 Sender verify failed", "protocol"),
]


@pytest.mark.parametrize(("status", "text", "cause"), WORDS)
def test_a_cause_is_read_from_code_and_words(status: str, text: str, cause: str) -> None:
    found = diagnose(status, text, step="rcpt")
    assert (found.cause, found.is_hard) == (cause, cause in DEAD), found


@pytest.mark.parametrize(
    ("text", "is_hard"),
    [
        ("550 Unknown user alice@docomo.example (in reply to RCPT TO command)", True),
        ("550 Unknown user alice@docomo.example (in reply to end of DATA command)", False),
        ("SMTP error from remote mail server after end of data: host x: 550 no such user", False),
        ("SMTP error from remote mail server after RCPT TO:<a@x.example>: 550 no such user", True),
        (">>> DATA\n<<< 550 Unknown user alice@docomo.example\n554 5.0.0 Service unavailable", False),
        (">>> DATA\n<<< 550 <a@x.example>... User unknown\n<<< 503 5.0.0 Need RCPT (recipient)", True),
        ("192.0.2.1 does not like recipient.\nRemote host said: 550 no such user", True),
        ("554 delivery error: dd This user doesn't have a yahoo.com account (a@yahoo.com) [-5]", False),
        ("This user doesn't have a yahoo.com account (a@yahoo.com) [0]", False),
        ("550 unknown user", False),
        ("550 5.1.1 unknown user", True),
        ("host x said: 550 5.1.1 unknown user (in reply to end of DATA command)", True),
        ("User alice (alice@x.example) not listed in Domino Directory", True),
        ("550 5.1.8 unknown user", False),
    ],
)
def test_words_alone_prove_no_death_where_the_server_had_taken_the_recipient(
    text: str, is_hard: bool
) -> None:
    assert diagnose("", text).is_hard is is_hard


def test_no_word_of_the_address_itself_counts() -> None:
    assert diagnose("", "<spam.blocked@quota.example>: 550 no such user").cause == "address_unknown"
    assert diagnose("5.1.1", "550 5.1.1 <dkim@dmarc.example> user unknown").is_hard


def test_what_is_temporary_is_never_held_against_the_address() -> None:
    for code in ("4.1.1", "4.1.2", "4.4.4"):
        assert not diagnose(code, f"450 {code} user unknown").is_hard
    assert not diagnose("5.1.1", "550 user unknown", action="delayed").is_hard


def mail(
    frm: str,
    subj: str,
    body: str,
    ct: str = "text/plain; charset=utf-8",
    extra: str = "",
    to: str = "bounce@shop.example",
) -> bytes:
    return (
        f"Return-Path: <>\nFrom: {frm}\nTo: {to}\nSubject: {subj}\n{extra}MIME-Version: 1.0\nContent-Type: {ct}\nContent-Transfer-Encoding: 8bit\n\n{body}"
    ).encode()


ORIG = "\n------ This is a copy of the message, including all the headers. ------\n\nReturn-path: <bounce@shop.example>\nReceived: from a by b\nFrom: hello@shop.example\nTo: kijitora@example.jp\nSubject: news\nMessage-ID: <m.x@shop.example>\n\nhi\n"
FORMATS = [
    (
        "exim",
        mail(
            "Mail Delivery System <Mailer-Daemon@mx.example.net>",
            "Mail delivery failed: returning message to sender",
            "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  kijitora@example.jp\n    SMTP error from remote mail server after RCPT TO:<kijitora@example.jp>:\n    host mx.example.jp [192.0.2.1]: 550 5.1.1 <kijitora@example.jp>... User Unknown\n"
            + ORIG,
            extra="Auto-Submitted: auto-replied\n",
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "exim delay",
        mail(
            "Mail Delivery System <Mailer-Daemon@mx.example.net>",
            "Warning: message 1abc delayed 24 hours",
            "This message was created automatically by mail delivery software.\nA message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the queue on mx.example.net.\n\nThe address to which the message has not yet been delivered is:\n\n  kijitora@example.jp\n    Delay reason: connection refused\n\nNo action is required on your part. Delivery attempts will continue for\nsome time.\n",
        ),
        "kijitora@example.jp",
        "soft",
    ),
    (
        "qmail",
        mail(
            "MAILER-DAEMON@mx.example.net",
            "failure notice",
            "Hi. This is the qmail-send program at mx.example.net.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\n<kijitora@example.jp>:\n192.0.2.1 does not like recipient.\nRemote host said: 550 5.1.1 unknown user\nGiving up on 192.0.2.1.\n\n--- Below this line is a copy of the message.\n\nReturn-Path: <bounce@shop.example>\nTo: kijitora@example.jp\n\nhi",
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "sendmail",
        mail(
            "Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>",
            "Returned mail: see transcript for details",
            "The original message was received at Thu, 9 Apr 2014 23:34:45 +0900\nfrom localhost [127.0.0.1]\n\n   ----- The following addresses had permanent fatal errors -----\n<kijitora@example.jp>\n    (reason: 550 5.1.1 <kijitora@example.jp>... User Unknown)\n\n   ----- Transcript of session follows -----\n... while talking to mx.example.jp.:\n>>> DATA\n<<< 550 5.1.1 <kijitora@example.jp>... User Unknown\n550 5.1.1 <kijitora@example.jp>... User unknown\n<<< 503 5.0.0 Need RCPT (recipient)\n",
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "domino",
        mail(
            "Mail Router <postmaster@notes.example.net>",
            "DELIVERY FAILURE: User kijitora (kijitora@example.jp) not listed in Domino Directory",
            "Your message\n\n  Subject: news\n\nwas not delivered to:\n\n  kijitora@example.jp\n\nbecause:\n\n  User kijitora (kijitora@example.jp) not listed in Domino Directory\n",
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "exchange5",
        mail(
            "System Administrator <postmaster@example.net>",
            "Undeliverable: news",
            "Your message\n\n  To:      kijitora@example.jp\n  Subject: news\n  Sent:    Thu, 29 Apr 1999 23:34:45 +0900\n\ndid not reach the following recipient(s):\n\nkijitora@example.jp on Thu, 29 Apr 1999 23:34:45 +0900\n    The recipient name is not recognized\n\tThe MTS-ID of the original message is: c=jp;a= ;p=neko\n    MSEXCH:IMS:KIJITORA CAT:EXAMPLE:CAT 0 (000C05A6) Unknown Recipient\n",
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "gmail new",
        mail(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            "Delivery Status Notification (Failure)",
            "** Address not found **\n\nYour message wasn't delivered to kijitora@example.jp because the address couldn't be found, or is unable to receive mail.\n\nLearn more here: https://support.google.com/mail/?p=NoSuchUser\n\nThe response was:\n\n550 5.1.1 The email account that you tried to reach does not exist.\n",
            extra="X-Failed-Recipients: kijitora@example.jp\nAuto-Submitted: auto-replied\n",
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "gmx",
        mail(
            "GMX Mailer Daemon <mailer-daemon@gmx.de>",
            "Mail delivery failed: returning message to sender",
            'This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of\nits recipients. This is a permanent error. The following address\nfailed:\n\n"kijitora@example.jp":\nSMTP error from remote server after RCPT command:\nhost: mx.example.jp\n5.1.1 <kijitora@example.jp>... User Unknown\n\n--- The header of the original message is following. ---\n\nReceived: from x\n',
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "t-online de",
        mail(
            "MAILER-DAEMON@t-online.de",
            "Unzustellbar: Newsletter",
            "|------------------------- Nachrichtentext: -------------------------|\n\nIhre Nachricht konnte nicht zugestellt werden an:\n\n  kijitora@example.jp\n\nGrund: Der Empfänger ist unbekannt.\n",
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "fr",
        mail(
            "postmaster@laposte.example",
            "Échec de la remise : Nouvelles",
            "La remise de votre message à ces destinataires ou listes a échoué :\n\n  kijitora@example.jp\n  La boîte aux lettres du destinataire est pleine et ne peut pas accepter de messages pour l'instant.\n",
        ),
        "kijitora@example.jp",
        "soft",
    ),
    (
        "es",
        mail(
            "MAILER-DAEMON@correo.example",
            "Correo devuelto",
            "No se ha podido entregar su mensaje a los siguientes destinatarios:\n\n<kijitora@example.jp>: el usuario no existe\n",
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "ru",
        mail(
            "mailer-daemon@corp.mail.ru",
            "Недоставленное сообщение",
            "Это письмо создано автоматически сервером Mail.Ru.\nК сожалению, ваше письмо не может быть доставлено одному или нескольким получателям:\n\nkijitora@example.jp\nпочтовый ящик переполнен\n",
        ),
        "kijitora@example.jp",
        "soft",
    ),
    (
        "ja docomo-like",
        mail(
            "Mail Delivery Subsystem <MAILER-DAEMON@example.ne.jp>",
            "=?utf-8?B?44Oh44O844Or44GM6YCB5L+h44Gn44GN44G+44Gb44KT?=",
            "次のあて先への電子メールが送信できませんでした。\n\n<kijitora@example.jp>\n550 Unknown user kijitora@example.jp\n",
        ),
        "kijitora@example.jp",
        "soft",  # a bare 550, in reply to nobody knows what
    ),
    (
        "zh",
        mail(
            "postmaster@qq.com",
            "系统退信",
            "很抱歉您发送的邮件被退回，以下是该邮件的相关信息：\n收件人 kijitora@example.jp\n退信原因 收件人不存在\n550 User not found\n",
        ),
        "kijitora@example.jp",
        "soft",  # a bare 550, in reply to nobody knows what
    ),
    (
        "courier",
        mail(
            '"Courier mail server at mx.example.net" <@>',
            "NOTICE: mail delivery status.",
            "This is a delivery status notification from mx.example.net,\nrunning the Courier mail server, version 0.65.2.\n\nThe original message was received on Sat, 11 Dec 2010 12:19:57 +0900\n\n---------------------------------------------------------------------------\n\n                           UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:\n\n<kijitora@example.jp>:\n    mx.example.jp [192.0.2.20]:\n>>> RCPT TO:<kijitora@example.jp>\n<<< 550 5.1.1 <kijitora@example.jp>... User Unknown\n",
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "html only",
        mail(
            "postmaster@outlook.example",
            "Undeliverable: news",
            "<html><body><p>Your message to <a href='mailto:kijitora@example.jp'>kijitora@example.jp</a> couldn't be delivered.</p><p><b>kijitora</b> wasn't found at example.jp.</p><p>550 5.1.10 RESOLVER.ADR.RecipientNotFound</p></body></html>",
            "text/html; charset=utf-8",
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "mailmarshal",
        mail(
            "Postmaster@example.net",
            'Undeliverable Mail: "news"',
            "Your message:\n   From:    hello@shop.example\n   Subject: news\n\nCould not be delivered because of\n\n550 5.1.1 User unknown\n\nThe following recipients were affected:\n    kijitora@example.jp\n",
        ),
        "kijitora@example.jp",
        "hard",
    ),
    (
        "mimecast-ish",
        mail(
            "postmaster@mimecast.example",
            "[Postmaster] Email Delivery Failure",
            "Your message to <kijitora@example.jp> was rejected for the following reason: Rejected by header based manually Blocked Senders - block list\n",
        ),
        "kijitora@example.jp",
        "soft",
    ),
    (
        "cr only",
        mail(
            "MAILER-DAEMON@mx",
            "failure notice",
            "<kijitora@example.jp>:\nSorry, no mailbox here by that name. (#5.1.1)\n",
        ).replace(b"\n", b"\r"),
        "kijitora@example.jp",
        "hard",
    ),
]


K = "kijitora@example.jp"
MORE_FORMATS = [
    (
        "workmail",
        mail(
            "MAILER-DAEMON@amazonses.com",
            "Delivery Status Notification (Failure)",
            f"An error occurred while trying to deliver the mail to the following recipients:\n{K}\n",
        ),
        "soft",
    ),
    (
        "james",
        mail(
            "postmaster@example.net",
            "[Error] Failed delivery",
            f"Hi. This is the James mail server at mx.example.net.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out. Below\nI include the list of recipients and the reason why I was unable to deliver\nyour message.\n\nFailed recipient(s):\n{K}\n\nError message:\n550 - Requested action not taken: no such user here\n\nMessage details:\n  Subject: Nyaan\n  Sent date: Thu Apr 29 01:20:50 JST 2015\n  MAIL FROM: hello@shop.example\n  RCPT TO: {K}\n  From: Neko <hello@shop.example>\n  To: {K}\n",
        ),
        "hard",
    ),
    (
        "biglobe",
        mail(
            "postmaster@biglobe.ne.jp",
            "Returned mail: Host unknown",
            f"   ----- The following addresses had delivery problems -----\n\n{K}\n\n   ----- Non-delivered information -----\nThe number of messages in recipient's mailbox exceeded the local limit.\n",
        ),
        "soft",
    ),
    (
        "1und1",
        mail(
            '"Mail Delivery System" <mailer-daemon@kundenserver.de>',
            "Mail delivery failed: returning message to sender",
            f"This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its\nrecipients. The following addresses failed:\n\n<{K}>\n\nSMTP error from remote server for RCPT TO command, host: mx (192.0.2.1) reason: 550 5.1.1 no such user\n",
        ),
        "hard",
    ),
    (
        "imail",
        mail(
            "Postmaster@mx.example.net",
            "Undeliverable Mail",
            f"User mailbox exceeds allowed size: {K}\n\n\nOriginal message follows.\n\nReceived: from x\nFrom: hello@shop.example\n",
            extra="X-Mailer: <SMTP32 v8.22>\n",
        ),
        "soft",
    ),
    (
        "interscan",
        mail(
            "InterScan MSS <postmaster@example.net>",
            "Mail could not be delivered",
            f"Sent <<< RCPT TO:<{K}>\nReceived >>> 550 5.1.1 <{K}>... user unknown\nUnable to deliver message to <{K}>\n",
        ),
        "hard",
    ),
    (
        "kddi",
        mail(
            "no-reply@app.auone-net.jp",
            "",
            f"Your mail sent on: Thu, 29 Apr 2014 23:34:45 +0900\n    Could not be delivered to: <{K}>\n    As their mailbox is full.\n",
        ),
        "soft",
    ),
    (
        "mailfoundry",
        mail(
            "MAILER-DAEMON@mx",
            "Message delivery has failed",
            f"Unable to deliver message to: <{K}>\nDelivery failed for the following reason:\nServer mx22.example.org[192.0.2.222] failed with: 550 <{K}> No such user here\n\nThis has been a permanent failure.  No further delivery attempts will be made.\n",
        ),
        "soft",  # a bare 550, in reply to nobody knows what
    ),
    (
        "mcafee",
        mail(
            "postmaster@mx",
            "Delivery Status",
            f"--- The following addresses had delivery problems ---\n\n<{K}>   (User unknown {K})\n\n--- Original message ---\n",
        ),
        "hard",
    ),
    (
        "mfilter",
        mail(
            "postmaster@mx",
            "failure notice",
            f"次のメールサーバとの通信でエラーが発生しました。\n\n-------server message\n550 5.1.1 unknown user <{K}>\n\n-------original mail info\nReceived: x\n",
        ),
        "hard",
    ),
    (
        "notes",
        mail(
            "Postmaster@notes",
            "Delivery failure",
            f"------- Failure Reasons  --------\n\nUser not listed in public Name & Address Book\n{K}\n\n------- Returned Message --------\n\nReceived: by x\n",
        ),
        "hard",
    ),
    (
        "opensmtpd",
        mail(
            "Mailer Daemon <MAILER-DAEMON@mx>",
            "Delivery status notification",
            f"    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\n    An error has occurred while attempting to deliver a message for\n    the following list of recipients:\n\n{K}: 550 5.2.2 <{K}>... Mailbox Full\n\n    Below is a copy of the original message:\n\nReceived: from x\n",
        ),
        "soft",
    ),
    (
        "surfcontrol",
        mail(
            "Mail Server <postmaster@mx>",
            "Message could not be delivered",
            f"Your message could not be sent.\nA transcript of the attempts to send the message follows.\nThe number of attempts made: 1\nAddressed To: {K}\n\nThu 29 Apr 2010 23:34:45 +0900\nFailed to send to identified host,\n{K}: [192.0.2.5], 550 {K}... No such user\n",
        ),
        "soft",  # a bare 550, in reply to nobody knows what
    ),
    (
        "v5sendmail",
        mail(
            "Mail Delivery Subsystem <MAILER-DAEMON>",
            "Returned mail: User unknown",
            f"   ----- Transcript of session follows -----\nWhile talking to smtp.example.com:\n>>> RCPT To:<{K}>\n<<< 550 <{K}>, User Unknown\n550 <{K}>... User unknown\n\n   ----- Unsent message follows -----\nReceived: by x\n",
        ),
        "hard",
    ),
    (
        "x6",
        mail(
            "postmaster@mx",
            "There was an error sending your mail",
            f"We had trouble delivering your message. Full details follow:\n\nSubject: 'Nyaan'\nDate: 'Thu, 29 Apr 2012 23:34:45 +0900'\n\n1 error(s):\n\nSMTP Server <mta2.example.jp> rejected recipient <{K}> \n  (Error following RCPT command). It responded as follows: [550 5.1.1 User unknown]\n",
        ),
        "hard",
    ),
    (
        "zoho",
        mail(
            "mailer-daemon@mail.zoho.com",
            "Undelivered Mail Returned to Sender",
            f"This message was created automatically by mail delivery software.\n A message that you sent could not be delivered to one or more of its recipients. This is a permanent error. \n\n{K} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 <{K}>... User Unknown\n\n\nReceived: from x\n",
        ),
        "hard",
    ),
    (
        "exim dns",
        mail(
            "Mail Delivery System <Mailer-Daemon@mx>",
            "Mail delivery failed: returning message to sender",
            f"This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its recipients. This is a permanent error. The following address(es) failed:\n\n  {K}\n    all relevant MX records point to non-existent hosts\n",
        ),
        "hard",
    ),
    (
        "exim retry",
        mail(
            "Mail Delivery System <Mailer-Daemon@mx>",
            "Mail delivery failed: returning message to sender",
            f"This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its recipients. This is a permanent error. The following address(es) failed:\n\n  {K}\n    retry timeout exceeded\n",
        ),
        "soft",
    ),
    (
        "googlegroups-like",
        mail(
            "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
            "Delivery Status Notification (Failure)",
            f"Delivery to the following recipient failed permanently:\n\n    {K}\n\nTechnical details of permanent failure:\nGoogle tried to deliver your message, but it was rejected by the recipient domain. We recommend contacting the other email provider for further information about the cause of this error. The error that the other server returned was: 550 550 5.1.1 <{K}>... User unknown (state 14).\n\n----- Original message -----\n\nReceived: by 10\n",
        ),
        "hard",
    ),
    (
        "mailru",
        mail(
            "mailer-daemon@corp.mail.ru",
            "Mail failure.",
            f"This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of its recipients. This is a permanent error. The following address(es) failed:\n\n  {K}\n    SMTP error from remote mail server after RCPT TO:<{K}>:\n    host smtp [192.0.2.1]: 550 invalid mailbox\n",
            extra="X-Failed-Recipients: " + K + "\n",
        ),
        "hard",
    ),
    (
        "docomo",
        mail(
            "Mail Delivery Subsystem <MAILER-DAEMON@docomo.ne.jp>",
            "Returned mail: see transcript for details",
            f"The original message was received at Thu, 29 Apr 2018 23:34:45 +0900 (JST)\nfrom x [192.0.2.1]\n\n   ----- The following addresses had permanent fatal errors -----\n<{K}>\n    (reason: 550 Unknown user {K})\n\n   ----- Transcript of session follows -----\n>>> RCPT To:<{K}>\n<<< 550 Unknown user {K}\n",
        ),
        "hard",
    ),
    (
        "outlook.com old",
        mail(
            "postmaster@hotmail.com",
            "Delivery Status Notification (Failure)",
            f"This is an automatically generated Delivery Status Notification.\n\nDelivery to the following recipients failed.\n\n       {K}\n\n",
        ),
        "soft",
    ),
    (
        "exchange 2010",
        mail(
            "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@ex>",
            "Undeliverable: Nyaan",
            f"Delivery has failed to these recipients or groups:\n\n{K}<mailto:{K}>\nThe e-mail address you entered couldn't be found. Please check the recipient's e-mail address and try to resend the message. If the problem continues, please contact your helpdesk.\n\nDiagnostic information for administrators:\n\nGenerating server: ex.example.net\n\n{K}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n\nOriginal message headers:\n\nReceived: from x\n",
        ),
        "hard",
    ),
    (
        "exchange de",
        mail(
            "Microsoft Outlook <postmaster@ex>",
            "Unzustellbar: Nyaan",
            f"Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:\n\n{K}\nDie eingegebene E-Mail-Adresse konnte nicht gefunden werden. Überprüfen Sie die E-Mail-Adresse des Empfängers.\n\nDiagnoseinformationen für Administratoren:\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n",
        ),
        "hard",
    ),
    (
        "o365 it",
        mail(
            "postmaster@x.onmicrosoft.com",
            "Non recapitabile: Nyaan",
            f"Impossibile consegnare il messaggio a {K}.\nkijitora non è stato trovato in example.jp.\n",
        ),
        "hard",
    ),
    (
        "pt",
        mail(
            "MAILER-DAEMON@terra.com.br",
            "Mensagem devolvida",
            f"Sua mensagem não foi entregue aos seguintes destinatários:\n\n<{K}>: usuário desconhecido\n",
        ),
        "hard",
    ),
    (
        "nl",
        mail(
            "MAILER-DAEMON@x.nl",
            "Onbestelbaar: nieuws",
            f"Uw bericht kon niet worden afgeleverd bij:\n\n  {K}\n\nDe mailbox van de ontvanger is vol\n",
        ),
        "soft",
    ),
    (
        "pl",
        mail(
            "MAILER-DAEMON@x.pl",
            "Niedostarczona wiadomość",
            f"Nie można dostarczyć wiadomości do:\n<{K}>: użytkownik nie istnieje\n",
        ),
        "hard",
    ),
    (
        "comm gate",
        mail(
            "Mail Delivery System <MAILER-DAEMON@mx>",
            "Undeliverable mail",
            f"Failed to deliver to '{K}'\nSMTP module(domain example.jp) reports:\n host mx.example.jp says:\n 550 5.1.1 <{K}>: Recipient address rejected: User unknown\n",
        ),
        "hard",
    ),
    (
        "mdaemon",
        mail(
            "MDaemon@receive.example.com",
            "Permanent Delivery Failure",
            f"The attached message had PERMANENT fatal delivery errors!\n\nAfter one or more unsuccessful delivery attempts the attached message has\nbeen removed from the mail queue on this server.\n\nYOUR MESSAGE WAS NOT DELIVERED!\n\nThe following addresses did NOT receive a copy of your message:\n\n> {K}\n\n--- Session Transcript ---\n>>> RCPT To:<{K}>\n<<< 550 <{K}>, Recipient unknown\n",
        ),
        "hard",
    ),
    (
        "smtp32 timeout",
        mail(
            "Postmaster@mx",
            "Undeliverable Mail",
            f"Delivery failed 20 attempts: {K}\n\nOriginal message follows.\n",
        ),
        "soft",
    ),
    (
        "prodigy",
        mail(
            "MAILER-DAEMON@flash.net",
            "Returned mail",
            f"  ----- Transcript of session follows -----\n550 {K}... No such user\n\n  ----- Unsent message follows -----\nTo: {K}\n",
        ),
        "soft",  # a bare 550, in reply to nobody knows what
    ),
]
FORMATS += [(name, raw, K, class_) for name, raw, class_ in MORE_FORMATS]


@pytest.mark.parametrize(
    ("raw", "address", "class_"), [row[1:] for row in FORMATS], ids=[row[0] for row in FORMATS]
)
def test_a_servers_own_format_is_read(raw: bytes, address: str, class_: str) -> None:
    found = read_returned(raw)
    assert found.kind == "bounce"
    assert [(each.address, each.class_) for each in found.recipients] == [(address, class_)]
    assert found.recipients[0].evidence
    assert found.recipients[0].cause in CAUSES
    for ends in (b"\r\n", b"\r"):
        again = read_returned(raw.replace(b"\r", b"\n").replace(b"\n", ends))
        assert [(each.address, each.class_) for each in again.recipients] == [(address, class_)]


OTHERS = [
    (
        "ooo",
        mail(
            "Alice <alice@x.example>",
            "Out of office: news",
            "I am out of the office until Monday. My address has changed; mail to old@x.example could not be delivered.",
            extra="Auto-Submitted: auto-replied\n",
        ),
        "auto_reply",
    ),
    (
        "ooo2",
        mail("Alice <alice@x.example>", "Réponse automatique : nouvelles", "Je suis absente."),
        "auto_reply",
    ),
    (
        "ooo3",
        mail("Bob <b@x.example>", "Re: news", "I am on vacation until May", extra="X-Autoreply: yes\n"),
        "auto_reply",
    ),
    ("person", mail("Alice <alice@x.example>", "Re: your news", "Thanks, please remove me"), "other"),
    (
        "person2",
        mail(
            "Alice <alice@x.example>",
            "Problem with my delivery",
            "My parcel could not be delivered to my address alice@x.example. What is wrong?",
        ),
        "other",
    ),
    (
        "person3",
        mail(
            "Alice <alice@x.example>",
            "Mail delivery failed?",
            "Did you get my mail? I got 550 user unknown from bob@shop.example yesterday",
            extra="In-Reply-To: <a@b>\n",
        ),
        "other",
    ),
    (
        "news",
        mail(
            "Shop <news@x.example>",
            "Great offers",
            "Quota! full boxes! Delivery status of orders. contact sales@x.example",
        ),
        "other",
    ),
]


@pytest.mark.parametrize(("raw", "kind"), [row[1:] for row in OTHERS], ids=[row[0] for row in OTHERS])
def test_answers_and_peoples_letters_are_left_alone(raw: bytes, kind: str) -> None:
    person = raw.replace(b"Return-Path: <>", b"Return-Path: <alice@x.example>")
    assert read_returned(person).kind == kind


DSN = """Return-Path: <>
From: MAILER-DAEMON@mx.example
To: bounce+{token}@shop.example
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

Sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {final}
Original-Recipient: rfc822;{address}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {words}

--b
Content-Type: message/rfc822

Message-ID: <m.{token}@shop.example>
To: {address}

hi
--b--
"""


def dsn(**values: str) -> bytes:
    """A report of RFC 3464, as Postfix writes it."""
    given = {
        "token": "x" * 28,
        "address": "alice@shop.example",
        "final": "alice@shop.example",
        "action": "failed",
        "status": "5.1.1",
        "words": "550 5.1.1 no such user",
        **values,
    }
    return DSN.format(**given).encode()


def test_a_report_names_its_recipient_by_the_address_we_wrote_to() -> None:
    (found,) = read_returned(dsn(final="forwarded@elsewhere.example")).recipients
    assert found.address == "alice@shop.example"
    assert (found.class_, found.cause, found.status) == ("hard", "address_unknown", "5.1.1")
    assert "550 5.1.1 no such user" in found.evidence


def test_xtext_and_utf8_addresses_are_decoded() -> None:
    assert read_returned(dsn(address="a+2Bb@shop.example")).recipients[0].address == "a+b@shop.example"
    utf8 = dsn().replace(b"rfc822;alice@", b"utf-8;\\x{E9}lise@")
    assert read_returned(utf8).recipients[0].address == "élise@shop.example"


def test_a_delay_is_no_bounce_and_a_success_is_none_either() -> None:
    (late,) = read_returned(dsn(action="delayed", status="4.4.1", words="connection timed out")).recipients
    assert (late.is_delayed, late.class_, late.cause) == (True, "soft", "temporary")
    assert read_returned(dsn(action="delivered", status="2.0.0", words="250 ok")).kind == "success"
    assert read_returned(dsn(action="relayed", status="2.0.0", words="250 ok")).kind == "success"


def test_a_report_cut_off_anywhere_behind_its_fields_is_still_read() -> None:
    raw = dsn()
    end = raw.index(b"Diagnostic-Code")
    for cut in range(end, len(raw), 7):
        assert read_returned(raw[:cut]).recipients[0].address == "alice@shop.example"


ARF = """From: fbl@provider.example
To: fbl@shop.example
Subject: FW: news
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: x/1
Version: 1
Original-Rcpt-To: <alice@shop.example>

--b
Content-Type: message/rfc822

Message-ID: <m.{token}@shop.example>
To: alice@shop.example

hi
--b--
"""


def test_a_spam_report_is_known_and_a_not_spam_is_none() -> None:
    found = read_returned(ARF.format(kind="abuse", token="x").encode())
    assert found.kind == "spam_report"
    assert [each.address for each in found.recipients] == ["alice@shop.example"]
    assert read_returned(ARF.format(kind="opt-out", token="x").encode()).kind == "spam_report"
    for kind in ("not-spam", "auth-failure"):
        assert read_returned(ARF.format(kind=kind, token="x").encode()).kind == "other"


def samples(shared_data: Path) -> list[tuple[dict[str, str], bytes]]:
    folder = shared_data / "bounces"
    with (folder / "expectations.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [(row, (folder / "messages" / row["file"]).read_bytes()) for row in rows]


def wanted(row: dict[str, str]) -> set[str]:
    """The addresses the labels agree on; where flufl finds none, those of the reference."""
    flufl = {row["permanent_by_flufl"], row["temporary_by_flufl"]} - {"-"}
    said = flufl or {row["recipient_by_reference"]} - {"-"}
    return {address.lower() for text in said for address in text.split(",")}


def test_labelled_samples(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = {"complaint": "spam_report", "autoreply": "auto_reply"}
    table: Counter[tuple[str, str]] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    recognised, exact, bounces = [], [], 0
    for row, raw in samples(shared_data):
        found = read_returned(raw)
        addresses = wanted(row)
        if not addresses:
            continue
        kind = kinds.get(row["class_by_reference"], "bounce")
        recognised.append(found.kind == kind)
        if kind != "bounce":
            continue
        bounces += 1
        exact.append({each.address.lower() for each in found.recipients} == addresses)
        classes = dict(
            zip(
                row["recipient_by_reference"].lower().split(","),
                row["class_by_reference"].split(","),
                strict=False,
            )
        )
        told = dict(
            zip(
                row["recipient_by_reference"].lower().split(","),
                row["reason_by_reference"].split(","),
                strict=False,
            )
        )
        for each in found.recipients:
            if classes.get(each.address.lower(), "-") != "-":
                table[classes[each.address.lower()], each.class_] += 1
                reasons[told[each.address.lower()], each.cause] += 1
    right = table["hard", "hard"] + table["soft", "soft"]
    with capsys.disabled():
        print(
            f"\nreturned mail: recognised {sum(recognised)}/{len(recognised)}, exact {sum(exact)}/{bounces}"
        )
        print(f"  label hard: read hard {table['hard', 'hard']}, soft {table['hard', 'soft']}")
        print(f"  label soft: read hard {table['soft', 'hard']}, soft {table['soft', 'soft']}")
        for (reason, cause), count in sorted(reasons.items()):
            print(f"    {reason:<16} read as {cause:<16} {count:>3}")
    assert sum(recognised) / len(recognised) >= 0.98
    assert sum(exact) / bounces >= 0.95
    assert right / sum(table.values()) >= 0.92
    assert table["soft", "hard"] / (table["soft", "hard"] + table["soft", "soft"]) < 0.02


def test_cut_and_scrambled_copies_break_nothing(shared_data: Path) -> None:
    chance = random.Random(3464)
    slowest = 0.0
    for _, raw in samples(shared_data):
        for _ in range(2):
            place = chance.randrange(len(raw))
            length = chance.randrange(1, 400)
            for broken in (
                raw[:place],
                raw[place:],
                raw[:place] + chance.randbytes(length) + raw[place + length :],
            ):
                began = time.process_time()
                assert read_returned(broken).kind
                slowest = max(slowest, time.process_time() - began)
    assert slowest < 1.0


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=3000))
def test_no_bytes_raise(raw: bytes) -> None:
    assert read_returned(raw).kind
    assert read_returned(dsn()[:300] + raw).kind


@pytest.mark.parametrize(
    "filler",
    [
        *(b"a" * 200_000, b"@" * 200_000, b"<" * 200_000, b"a@b." * 50_000, b"is not " * 30_000),
        *(b"\n" * 200_000, b"=?utf-8?q?x?= " * 20_000, b"550 5.1.1 " * 20_000, b"To: " * 40_000),
        *(b"--b\n" * 30_000, b"(" * 100_000),
    ],
)
def test_no_input_hangs(filler: bytes) -> None:
    for raw in (
        b"From: mailer-daemon@x.example\nSubject: Undelivered\n\n" + filler,
        b"Subject: " + filler + b"\n\nx",
        dsn().replace(b"Sorry.", filler),
        dsn().replace(b"no such user", filler.replace(b"\n", b" ")),
    ):
        began = time.process_time()
        read_returned(raw)
        assert time.process_time() - began < 2.0


def nested(depth: int, kind: str = "multipart/mixed") -> bytes:
    """A mail whose parts hold parts, so deep."""
    head = "".join(f'Content-Type: {kind}; boundary="b{n}"\n\n--b{n}\n' for n in range(depth))
    return (
        "From: MAILER-DAEMON@mx.example\nSubject: Undelivered\n" + head + "Content-Type: text/plain\n\nhi\n"
    ).encode()


@pytest.mark.parametrize(
    "raw",
    [
        nested(50),
        nested(2_000),
        nested(8_000, "multipart/report"),
        b"Content-Type: message/rfc822\n\n" * 5_000,
        b"From: mailer-daemon@x.example\nX-Long: " + b"a b\n " * 100_000 + b"\n\nundeliverable",
        b"From: mailer-daemon@x.example\n" + b"To: a@b.example\n" * 30_000 + b"\n550 5.1.1 user unknown",
        b"From: mailer-daemon@x.example\nSubject: " + b"=?utf-8?b?" * 40_000 + b"\n\nx",
        dsn()[:-20] + b"Final-Recipient: rfc822; a@b.example\n\n" * 10_000,
        dsn().replace(b"message/delivery-status", b"message/delivery-status; " + b"x=" * 50_000),
    ],
    ids=lambda raw: str(len(raw)),
)
def test_depth_and_size_cost_no_time(raw: bytes) -> None:
    began = time.process_time()
    assert read_returned(raw).kind
    assert time.process_time() - began < 2.0


def test_boxes_of_every_kind_are_read(tmp_path: Path) -> None:
    mails = [dsn(token=letter * 28) for letter in "abc"]
    (tmp_path / "one.eml").write_bytes(mails[0])
    box = tmp_path / "box"
    box.write_bytes(
        b"".join(b"From MAILER-DAEMON Thu Nov 19 09:00:00 2026\n" + mail + b"\n" for mail in mails)
    )
    maildir = tmp_path / "maildir"
    for folder in ("new", "cur", "tmp"):
        (maildir / folder).mkdir(parents=True)
    (maildir / "new" / "1").write_bytes(mails[0])
    (maildir / "cur" / "2:2,S").write_bytes(mails[1])
    assert len(list(mails_in(tmp_path / "one.eml"))) == 1
    read = [read_returned(raw) for _, raw in mails_in(box)]
    assert [found.to[0][7:10] for found in read] == ["aaa", "bbb", "ccc"]
    assert len(list(mails_in(maildir))) == 2
    assert len(list(mails_in(tmp_path))) == 4
