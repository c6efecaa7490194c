"""Formats of reports that are no RFC 3464: of relays, of shops' own systems, of providers; every one hand-written."""

import pytest

from campaigns.tracking.returned import diagnose, read_returned
from campaigns.tracking.returned.diagnosis import DEAD

WHO = "alice@customer.example"
OTHER = "bob@customer.example"


def mail(
    sender: str, subject: str, body: str, *, kind: str = "text/plain; charset=utf-8", more: str = ""
) -> bytes:
    return (
        f"Return-Path: <>\nFrom: {sender}\nTo: bounce@shop.example\nSubject: {subject}\n{more}MIME-Version: 1.0\n"
        f"Content-Type: {kind}\nContent-Transfer-Encoding: 8bit\n\n{body}"
    ).encode()


def report(fields: str, words: str = "Sorry.", more: str = "") -> bytes:
    return mail(
        "MAILER-DAEMON@mx.example",
        "Undelivered Mail Returned to Sender",
        f"--b\nContent-Type: text/plain; charset=utf-8\n\n{words}\n\n--b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.example\n\n{fields}\n\n--b\nContent-Type: message/rfc822\n\nTo: {WHO}\nSubject: news\n\nhi\n\n--b--\n",
        kind='multipart/report; report-type=delivery-status; boundary="b"',
        more=more,
    )


FORMATS = {
    "hmailserver": (
        mail(
            "mailer-daemon@mx.example",
            "Message undeliverable: news",
            f"Your message did not reach some or all of the intended recipients.\n\n   Sent: Mon, 2 Mar 2026 10:00:00 +0100\n   Subject: news\n\nThe following recipient(s) could not be reached:\n\n{WHO}\n   Error Type: SMTP\n   Remote server (192.0.2.1) issued an error.\n   hMailServer sent: RCPT TO:<{WHO}>\n   Remote server replied: 550 Unknown user\n",
        ),
        [(WHO, "hard", "address_unknown")],
    ),
    "opensmtpd": (
        mail(
            "Mailer Daemon <MAILER-DAEMON@mx.example>",
            "Delivery status notification: error",
            f"    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.\n\n    An error has occurred while attempting to deliver a message for\n    the following list of recipients:\n\n{WHO}: 552 5.2.2 Mailbox over quota\n\n    Below is a copy of the original message:\n\nTo: {WHO}\nSubject: news\n",
        ),
        [(WHO, "soft", "mailbox_full")],
    ),
    "haraka": (
        mail(
            "MAILER-DAEMON@mx.example",
            "failure notice",
            f"Hi. This is the Haraka Mailer program at mx.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't work out.\n\nIntended Recipients: <{WHO}>\nFailure Reason: Error: bad email address: 550 5.1.1 <{WHO}> does not exist\n",
        ),
        [(WHO, "hard", "address_unknown")],
    ),
    "1und1": (
        mail(
            "Mail Delivery System <mailer-daemon@kundenserver.example>",
            "Mail delivery failed: returning message to sender",
            f"This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of\nits recipients. This is a permanent error. The following address\nfailed:\n\n{WHO}:\nSMTP error from remote server for RCPT TO command, host: mx.customer.example (192.0.2.1) reason: 550 Requested action not taken: mailbox unavailable\n\n--- The header of the original message is following. ---\n\nReceived: from a by b\nTo: {WHO}\n",
        ),
        [(WHO, "hard", "address_unknown")],
    ),
    "1und1 after the content": (
        mail(
            "Mail Delivery System <mailer-daemon@kundenserver.example>",
            "Mail delivery failed: returning message to sender",
            f"This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of\nits recipients. The following address\nfailed:\n\n{WHO}:\nSMTP error from remote server after end of data:\n550 no such user\n",
        ),
        [(WHO, "soft", "address_unknown")],
    ),
    "ses": (
        mail(
            "MAILER-DAEMON@amazonses.com",
            "Delivery Status Notification (Failure)",
            f"An error occurred while trying to deliver the mail to the following recipients:\n{WHO}\n",
        ),
        [(WHO, "soft", "undetermined")],
    ),
    "mailenable": (
        mail(
            "MailEnable Postmaster <postmaster@mx.example>",
            "Message Delivery Failure",
            f"MailEnable: Message delivery has failed.\n\nMessage could not be delivered to some recipients.\nThe following recipient(s) could not be reached:\n\n\tRecipient: [SMTP:{WHO}]\n\tReason: Remote SMTP Server Returned: 550 5.1.1 User unknown\n\nMessage headers follow:\n\nReceived: from a by b\n",
        ),
        [(WHO, "hard", "address_unknown")],
    ),
    "zoho": (
        mail(
            "mailer-daemon@mail.zoho.example",
            "Undelivered Mail Returned to Sender",
            f"This message was created automatically by mail delivery software.\n A message that you sent could not be delivered to one or more of its recipients. This is a permanent error.\n\n{WHO} Invalid Address, ERROR_CODE :550, ERROR_CODE :5.1.1 <{WHO}>... User Unknown\n",
        ),
        [(WHO, "hard", "address_unknown")],
    ),
    "groupwise": (
        mail(
            "Mailer-Daemon@mx.example",
            "Message status - undeliverable",
            f"The message that you sent was undeliverable to the following:\n\n\t{WHO} (mailbox is full)\n\nPossibly truncated original message follows:\n",
        ),
        [(WHO, "soft", "mailbox_full")],
    ),
    "domino, two people": (
        mail(
            "Mail Router <postmaster@mx.example>",
            "DELIVERY FAILURE: User not listed in Domino Directory",
            f"Your message\n\n  Subject: news\n\nwas not delivered to:\n\n  {WHO}\n\nbecause:\n\n  User alice ({WHO}) not listed in Domino Directory\n\nwas not delivered to:\n\n  {OTHER}\n\nbecause:\n\n  User bob ({OTHER}) not listed in Domino Directory\n",
        ),
        [(WHO, "hard", "address_unknown"), (OTHER, "hard", "address_unknown")],
    ),
    "exchange online, words of the page only": (
        mail(
            "postmaster@customer.example",
            "Undeliverable: news",
            f"<html><body><p>Delivery has failed to these recipients or groups:</p><p><a href=\"mailto:{WHO}\">{WHO}</a><br>The email address you entered couldn't be found. Please check the recipient's email address and try to resend the message.</p><p>Diagnostic information for administrators:</p><p>Generating server: X.prod.outlook.com</p><p>{WHO}<br>Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient {WHO} not found by SMTP address lookup'</p></body></html>",
            kind="text/html; charset=utf-8",
        ),
        [(WHO, "hard", "address_unknown")],
    ),
    "exchange in French": (
        mail(
            "postmaster@customer.example",
            "Non remis : Nouvelles",
            f"Échec de la remise pour ces destinataires ou groupes :\n\n{WHO}\nL'adresse de messagerie que vous avez entrée est introuvable. Vérifiez l'adresse de messagerie du destinataire.\n\nInformations de diagnostic pour les administrateurs :\n{WHO}\n#550 5.1.1 RESOLVER.ADR.RecipNotFound; not found ##\n",
        ),
        [(WHO, "hard", "address_unknown")],
    ),
    "exchange in German": (
        mail(
            "postmaster@customer.example",
            "Unzustellbar: Neuigkeiten",
            f"Fehler bei der Nachrichtenzustellung an folgende Empfänger oder Gruppen:\n\n{WHO}\nDas Postfach des Empfängers ist voll und kann zurzeit keine Nachrichten annehmen.\n\nDiagnoseinformationen für Administratoren:\n{WHO}\n#550 5.2.2 STOREDRV.Deliver: mailbox full ##\n",
        ),
        [(WHO, "soft", "mailbox_full")],
    ),
    "orange": (
        mail(
            "MAILER-DAEMON@orange.example",
            "Message non distribué",
            f"Votre message n'a pas pu être remis au destinataire suivant :\n\n<{WHO}>: 550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR204_416\n",
        ),
        [(WHO, "hard", "address_unknown")],
    ),
    "portuguese": (
        mail(
            "MAILER-DAEMON@correio.example",
            "Mensagem não entregue",
            f"Sua mensagem não foi entregue ao seguinte destinatário:\n\n<{WHO}>: caixa postal cheia\n",
        ),
        [(WHO, "soft", "mailbox_full")],
    ),
    "sendmail, refused while pipelining": (
        mail(
            "Mail Delivery Subsystem <MAILER-DAEMON@mx.example>",
            "Returned mail: see transcript for details",
            f"   ----- The following addresses had permanent fatal errors -----\n<{WHO}>\n    (reason: 550 <{WHO}>... No such user)\n\n   ----- Transcript of session follows -----\n... while talking to mx.customer.example.:\n>>> DATA\n<<< 550 <{WHO}>... No such user\n550 <{WHO}>... User unknown\n<<< 503 Need RCPT (recipient)\n",
        ),
        [(WHO, "hard", "address_unknown")],
    ),
    "sendmail, a mobile carrier after the content": (
        mail(
            "Mail Delivery Subsystem <MAILER-DAEMON@mx.example>",
            "Returned mail: see transcript for details",
            f"   ----- The following addresses had permanent fatal errors -----\n<{WHO}>\n    (reason: 550 Unknown user {WHO})\n\n   ----- Transcript of session follows -----\n... while talking to mfsmax.customer.example.:\n>>> DATA\n<<< 550 Unknown user {WHO}\n554 5.0.0 Service unavailable\n",
        ),
        [(WHO, "soft", "address_unknown")],
    ),
    "postfix, two people, two reasons": (
        mail(
            "MAILER-DAEMON@mx.example (Mail Delivery System)",
            "Undelivered Mail Returned to Sender",
            f"This is the mail system at host mx.example.\n\nI'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients. It's attached below.\n\n                   The mail system\n\n<{WHO}>: host mx.customer.example[192.0.2.1] said: 550 5.1.1 <{WHO}>:\n    Recipient address rejected: User unknown in virtual mailbox table (in reply\n    to RCPT TO command)\n\n<{OTHER}>: host mx.customer.example[192.0.2.1] said: 452 4.2.2 <{OTHER}>\n    Mailbox full (in reply to RCPT TO command)\n",
        ),
        [(WHO, "hard", "address_unknown"), (OTHER, "soft", "mailbox_full")],
    ),
    "a report whose code says nothing": (
        report(
            f"Final-Recipient: rfc822; {WHO}\nAction: failed\nStatus: 5.0.0",
            f"  {WHO}\n    SMTP error from remote mail server after RCPT TO:<{WHO}>:\n    host mx.customer.example [192.0.2.1]: 550 no such user here",
        ),
        [(WHO, "hard", "address_unknown")],
    ),
    "a report on three people": (
        report(
            f"Final-Recipient: rfc822; {WHO}\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user\n\n"
            f"Final-Recipient: rfc822; {OTHER}\nAction: delayed\nStatus: 4.4.1\nDiagnostic-Code: smtp; connection timed out\n\n"
            "Final-Recipient: rfc822; chloe@customer.example\nAction: delivered\nStatus: 2.0.0"
        ),
        [(WHO, "hard", "address_unknown"), (OTHER, "soft", "temporary")],
    ),
    "final expiry of what was temporary": (
        report(
            f"Final-Recipient: rfc822; {WHO}\nAction: failed\nStatus: 4.4.7\nDiagnostic-Code: smtp; 450 4.1.1 <{WHO}>: Recipient address rejected: User unknown in relay table"
        ),
        [(WHO, "soft", "temporary")],
    ),
    "a failed report with a temporary reply": (
        report(
            f"Final-Recipient: rfc822; {WHO}\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 450 user unknown, try again later"
        ),
        [(WHO, "soft", "temporary")],
    ),
    "internationalised": (
        report(
            "Original-Recipient: utf-8;\\x{E9}lise@customer.example\nFinal-Recipient: utf-8;\\x{E9}lise@customer.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 unknown"
        ),
        [("élise@customer.example", "hard", "address_unknown")],
    ),
}


@pytest.mark.parametrize("name", FORMATS)
def test_whom_and_why_is_read(name: str) -> None:
    raw, wanted = FORMATS[name]
    found = read_returned(raw)
    assert found.kind == "bounce"
    assert [(each.address, each.class_, each.cause) for each in found.recipients] == wanted
    assert all(each.evidence and each.rule for each in found.recipients)


ANSWER = "Alice Martin <alice@customer.example>"
RECEIPT = 'multipart/report; report-type=disposition-notification; boundary="b"'
ANSWERS = {
    "left, English": mail(ANSWER, "I no longer work at Customer Ltd", f"{WHO} is no longer in use."),
    "left, marked": mail(
        ANSWER,
        "Alice has gone",
        f"I have left the company and {WHO} is no longer valid.",
        more="Auto-Submitted: auto-replied\n",
    ),
    "left, German": mail(
        ANSWER,
        "Automatische Antwort: Neuigkeiten",
        f"Ich habe das Unternehmen verlassen. {WHO} existiert nicht mehr.",
    ),
    "left, French": mail(
        ANSWER,
        "Réponse automatique : nouvelles",
        f"Je ne fais plus partie de la société. {WHO} n'existe plus.",
    ),
    "Spanish": mail(ANSWER, "Respuesta automática: noticias", "Su mensaje no será leído."),
    "Italian": mail(ANSWER, "Risposta automatica: novità", "Sono fuori ufficio"),
    "Portuguese": mail(ANSWER, "Resposta automática: novidades", "Estou de férias"),
    "Dutch": mail(ANSWER, "Automatisch antwoord: nieuws", "Ik ben afwezig"),
    "Japanese": mail(ANSWER, "=?utf-8?B?6Ieq5YuV6L+U5L+h?=", "不在です"),
    "Chinese": mail(ANSWER, "自动回复: 新闻", "您好，您的邮件我已收到"),
    "Korean": mail(ANSWER, "자동 회신", "부재중"),
    "Polish": mail(ANSWER, "Odpowiedź automatyczna: news", "Jestem na urlopie"),
    "Czech": mail(ANSWER, "Automatická odpověď: news", "Jsem na dovolené"),
    "Hungarian": mail(ANSWER, "Automatikus válasz: hírek", "Szabadságon vagyok"),
    "Turkish": mail(ANSWER, "Otomatik yanıt: haber", "Ofis dışındayım"),
    "Russian": mail(ANSWER, "Автоматический ответ: новости", "Меня нет на месте"),
    "Ukrainian": mail(ANSWER, "Автоматична відповідь: новини", "Я у відпустці"),
    "Swedish": mail(ANSWER, "Autosvar: nyheter", "Jag är på semester"),
    "Danish": mail(ANSWER, "Automatisk svar: nyheder", "Jeg er på ferie"),
    "Finnish": mail(ANSWER, "Automaattinen vastaus: uutiset", "Olen lomalla"),
    "Greek": mail(ANSWER, "Αυτόματη απάντηση: νέα", "Είμαι εκτός γραφείου"),
    "Romanian": mail(ANSWER, "Răspuns automat: noutăți", "Sunt în concediu"),
    "Hebrew": mail(ANSWER, "תגובה אוטומטית: חדשות", "אני בחופש"),
    "Arabic": mail(ANSWER, "رد تلقائي: أخبار", "أنا في إجازة"),
    "Exchange": mail(ANSWER, "Re: news", "Back on Monday", more="X-Auto-Response-Suppress: All\n"),
    "Precedence": mail(ANSWER, "Re: news", "Back on Monday", more="Precedence: auto_reply\n"),
    "X-Autoreply": mail(ANSWER, "Re: news", "Back on Monday", more="X-Autoreply: yes\n"),
    "a ticket": mail(
        "Support <support@customer.example>",
        "[Ticket #123] We have received your request",
        "Your message could not be delivered to a person yet; your ticket number is 123.",
        more="Auto-Submitted: auto-replied\n",
    ),
    "a challenge": mail(
        "Spam guard <confirm@guard.example>",
        "Please verify your address",
        f"Your message to {WHO} has not been delivered yet. Show that you are a person: https://guard.example/x",
        more="Auto-Submitted: auto-replied\n",
    ),
    "another challenge": mail(
        WHO,
        "Re: news [Confirm #123]",
        "Your message is being held because your address was not recognized.",
        more="X-Delivery-Agent: TMDA/1.0\n",
    ),
    "a list's moderation": mail(
        "list-owner@customer.example",
        "Your message awaits moderator approval",
        "It is being held until the list moderator can review it.",
        more="Precedence: bulk\nX-List-Administrivia: yes\n",
    ),
    "a read receipt": mail(
        ANSWER,
        "Read: news",
        f"--b\nContent-Type: text/plain\n\nwas read on Monday\n\n--b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;{WHO}\nOriginal-Message-ID: <m.x@shop.example>\nDisposition: manual-action/MDN-sent-manually; displayed\n\n--b--\n",
        kind=RECEIPT,
    ),
    "a deletion receipt": mail(
        ANSWER,
        "Not read: news",
        f"--b\nContent-Type: text/plain\n\nwas deleted without being read\n\n--b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;{WHO}\nDisposition: automatic-action/MDN-sent-automatically; deleted\n\n--b--\n",
        kind=RECEIPT,
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_automatic_answer_in_any_language_is_left_alone(name: str) -> None:
    found = read_returned(ANSWERS[name])
    assert (found.kind, found.recipients) == ("auto_reply", ())


def test_a_refusal_in_the_form_of_a_receipt_is_a_bounce() -> None:
    found = read_returned(
        mail(
            "Mail Delivery Subsystem <postmaster@customer.example>",
            "Automatically rejected mail",
            f"--b\nContent-Type: text/plain\n\nYour message to <{WHO}> was automatically rejected:\nQuota exceeded\n--b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;{WHO}\nDisposition: automatic-action/MDN-sent-automatically; deleted\n\n--b--\n",
            kind=RECEIPT,
            more="Auto-Submitted: auto-replied (rejected)\n",
        )
    )
    assert [(each.address, each.cause) for each in found.recipients] == [(WHO, "mailbox_full")]


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        (
            "Return receipt",
            f"   ----- The following addresses had successful delivery notifications -----\n<{WHO}>  (successfully delivered to mailbox)\n",
        ),
        (
            "Delivery Status Notification (Relay)",
            f"Your message has been successfully relayed to the following recipients, but the requested delivery status notifications may not be generated by the destination.\n\n {WHO}\n",
        ),
        (
            "Delivery Status Notification (Success)",
            f"Your message was successfully delivered to:\n {WHO}\n",
        ),
    ],
)
def test_good_news_in_words_is_a_success(subject: str, body: str) -> None:
    assert read_returned(mail("MAILER-DAEMON@mx.example", subject, body)).kind == "success"


@pytest.mark.parametrize(
    "raw",
    [
        mail(
            "postmaster@shop.example", "Your mailbox is almost full", "Your mailbox bounce@shop.example is 95 % full."
        ),
        mail(
            "noreply-dmarc@provider.example",
            "Report domain: shop.example Submitter: provider.example",
            "",
            kind="application/zip",
            more="Auto-Submitted: auto-generated\n",
        ),
        mail("list-owner@customer.example", "Welcome to the list", "To leave, write to leave@customer.example"),
    ],
)  # fmt: skip
def test_what_is_about_no_letter_of_ours_is_nothing(raw: bytes) -> None:
    assert read_returned(raw).kind == "other"


REPLIES = [
    (
        "5.7.129",
        "550 5.7.129 RESOLVER.RST.RestrictedToRecipientsPermission; not authorized to send to recipient because the sender isn't on the recipient's list of senders to accept mail from",
        "policy",
    ),
    (
        "5.7.708",
        "550 5.7.708 Service unavailable. Access denied, traffic not accepted from this IP. For more information please go to http://go.microsoft.com/fwlink/?LinkId=526653 AS(7230)",
        "spam",
    ),
    ("5.7.606", "550 5.7.606 Access denied, banned sending IP [1.2.3.4]", "spam"),
    (
        "5.7.509",
        "550 5.7.509 Access denied, sending domain shop.example does not pass DMARC verification and has a DMARC policy of reject",
        "authentication",
    ),
    (
        "5.4.310",
        "550 5.4.310 DNS domain exampel.com does not exist [Message=InfoDomainNonexistent]",
        "domain_unknown",
    ),
    ("5.4.316", "550 5.4.316 Message expired, connection refused(Socket error code 10061)", "temporary"),
    (
        "5.2.2",
        "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded",
        "mailbox_full",
    ),
    (
        "4.2.2",
        "452-4.2.2 The email account that you tried to reach is over quota. Please direct the recipient to",
        "mailbox_full",
    ),
    (
        "",
        "554 30 Sorry, your message to a@yahoo.com cannot be delivered. This mailbox is disabled (554.30). - mta4471",
        "disabled",
    ),
    (
        "5.1.1",
        "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR204_416 [416]",
        "address_unknown",
    ),
    (
        "",
        "421 mwinf5c04 ME Trop de connexions, veuillez verifier votre configuration. Too many connections, slow down. OFR004_104 [104]",
        "rate_limited",
    ),
    ("", "550 5.1.1 Adresse destinataire invalide LPN105_404", "address_unknown"),
    ("", "552 5.2.2 Boite du destinataire pleine. Recipient overquota. LPN007_401", "mailbox_full"),
    (
        "",
        "550 Message was not accepted -- invalid mailbox.  Local mailbox a@mail.ru is unavailable: user not found",
        "address_unknown",
    ),
    (
        "",
        "550 Message was not accepted -- invalid mailbox.  Local mailbox a@mail.ru is unavailable: account is disabled",
        "disabled",
    ),
    (
        "",
        "550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=abc or report details",
        "spam",
    ),
    ("", "550 5.7.1 No such user!", "address_unknown"),
    ("", "554 5.7.1 [2] Message rejected under suspicion of SPAM; https://ya.cc/1IrBc", "spam"),
    ("", "550 User not found: a@163.com", "address_unknown"),
    ("", "554 DT:SPM 163 mx5, please see http://mail.163.com/help/help_spam_16.htm", "spam"),
    ("", "550 5.1.1 <a@icloud.com>: user lookup success but no user record found", "address_unknown"),
    ("", "550 5.1.1 Not our Customer", "address_unknown"),
    ("", "554 resimta-po-01v.sys.comcast.net 1.2.3.4 Comcast block for spam", "spam"),
    ("", "550 csi.mimecast.org Poor Reputation Sender. - https://community.mimecast.com/", "spam"),
    (
        "",
        "451 Internal resources are temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451",
        "temporary",
    ),
    ("", "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550", "address_unknown"),
    ("5.4.6", "553 5.4.6 config error: mail loops back to me (MX problem?)", "protocol"),
    (
        "",
        "Sorry, I wasn't able to establish an SMTP connection. (#4.4.1) I'm not going to try again; this message has been in the queue too long.",
        "temporary",
    ),
    ("", "Recipient's mailbox is full, message returned to sender. (#5.2.2)", "mailbox_full"),
    (
        "",
        "Error transferring to MAIL.X.EXAMPLE; Maximum hop count exceeded.  Message probably in a routing loop.",
        "protocol",
    ),
    ("", "550 5.7.1 Recipient rejected: your domain is not allowed to send to this recipient", "policy"),
    ("", "550 Sender verify failed", "protocol"),
    (
        "",
        "550 5.7.25 [1.2.3.4] The IP address sending this message does not have a PTR record setup",
        "authentication",
    ),
    ("", "421 4.7.0 Temporary System Problem. Try again later (10)", "temporary"),
    ("", "450 4.7.1 Client host rejected: cannot find your reverse hostname, [1.2.3.4]", "authentication"),
    ("", "451 4.7.1 Greylisting in action, please come back later", "rate_limited"),
    ("", "554 5.7.1 Message cannot be accepted, spam rejection", "spam"),
    ("", "550 5.7.350 Remote server returned message detected as spam -> 550 spam", "spam"),
    ("", "550 4.4.7 QUEUE.Expired; message expired", "temporary"),
    ("", "421 4.4.2 Connection dropped due to SocketError", "temporary"),
    ("", "550 5.1.0 Address rejected", "address_unknown"),
    ("", "501 5.1.3 Invalid address", "address_unknown"),
    ("", "551 User not local; please try <b@y.example>", "moved"),
    ("", "550 El buzon de correo no existe", "address_unknown"),
    ("", "550 Conta de correio inexistente", "address_unknown"),
    ("", "550 Usuário desconhecido", "address_unknown"),
    ("", "550 Gebruiker onbekend", "address_unknown"),
    ("", "550 メールアドレスが存在しません", "address_unknown"),
    ("", "552 メールボックスの容量を超えています", "mailbox_full"),
    ("", "552 邮箱空间不足", "mailbox_full"),
    ("", "550 用户不存在", "address_unknown"),
    ("", "554 邮件被识别为垃圾邮件", "spam"),
    ("", "550 5.7.1 Service unavailable; Helo command blocked using dbl.spamhaus.org", "spam"),
    (
        "",
        "554 5.7.1 The message from (<hello@shop.example>) with the subject of (x) matches a profile the Internet community may consider spam (http://www.trustwave.com)",
        "spam",
    ),
    (
        "",
        "550 5.7.515 Access denied, sending domain shop.example doesn't meet the required authentication level. The sender's domain in the 5322.From address doesn't meet the authentication requirements defined for the sender. Spf= Fail , Dkim= Fail , DMARC= Fail",
        "authentication",
    ),
    (
        "",
        "550-5.7.26 Your email has been blocked because the sender is unauthenticated. SPF [shop.example] with ip: [1.2.3.4] = did not pass",
        "authentication",
    ),
    ("", "451 4.3.0 <a@x.example>: Temporary lookup failure", "temporary"),
    ("", "550 5.1.2 Bad destination system address", "domain_unknown"),
    (
        "5.4.4",
        "DNS Error: DNS type 'mx' lookup of exampel.comm responded with code NXDOMAIN Domain name not found: exampel.comm",
        "domain_unknown",
    ),
    ("4.4.4", "DNS Error: DNS type 'mx' lookup of x.com responded with code SERVFAIL", "temporary"),
    ("", "550 5.2.1 The email account that you tried to reach is inactive", "disabled"),
    ("5.1.1", "550 5.1.1 The email account that you tried to reach does not exist", "address_unknown"),
    ("", "550 5.1.1 <a@x>: Email address could not be found, or was misspelled (G8)", "address_unknown"),
    ("", "550 SC-001 (COL004-MC1F3) Unfortunately, messages from 1.2.3.4 weren't sent", "spam"),
    (
        "",
        "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages",
        "rate_limited",
    ),
    ("", "550 5.4.5 Daily sending quota exceeded", "rate_limited"),
    ("", "452 4.2.2 Mailbox full", "mailbox_full"),
    ("", "554 5.3.4 message too large (size 30000000, max 20000000)", "too_big"),
    ("", "523 the message size exceeds the recipient's size limit", "too_big"),
    (
        "",
        "552 5.7.0 This message was blocked because its content presents a potential security issue",
        "policy",
    ),
]
"""What big providers and common servers say to RCPT or the content: (status, words, cause)."""


@pytest.mark.parametrize(("status", "words", "cause"), REPLIES)
def test_a_providers_words_have_their_cause(status: str, words: str, cause: str) -> None:
    found = diagnose(status, words, step="rcpt")
    assert (found.cause, found.is_hard) == (cause, cause in DEAD), found
