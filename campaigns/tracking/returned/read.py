"""Read one returned mail: what kind it is, whom it is about, and why. Never raises, never hangs."""

import email
import re
from dataclasses import dataclass, replace
from typing import Literal

from flufl.bounce import all_failures

from campaigns.tracking.returned.diagnosis import Class, Diagnosis, diagnose, status_of, step_of
from campaigns.tracking.returned.parts import Parts, take_apart

Kind = Literal["bounce", "spam_report", "auto_reply", "success", "other"]


@dataclass(frozen=True, slots=True)
class Recipient:
    """One address the mail speaks of. `evidence` are the lines read, `rule` the one that decided.

    `is_delayed`: the server keeps trying; a delay is no bounce.
    """

    address: str
    class_: Class
    cause: str
    status: str
    evidence: str
    rule: str
    is_delayed: bool = False


@dataclass(frozen=True, slots=True)
class Returned:
    """What a returned mail says. `message_ids` are those of the mail that came back, `to` where it was sent to
    (our return path may stand there)."""

    kind: Kind
    recipients: tuple[Recipient, ...] = ()
    message_ids: tuple[str, ...] = ()
    to: tuple[str, ...] = ()
    rule: str = ""


def read_returned(raw: bytes) -> Returned:
    """What these bytes of a mail say; `other` for what is neither a bounce, a report nor an answer by a machine."""
    try:
        parts = take_apart(raw)
        found = _read(parts)
        if _is_wanting(found, parts):
            found = _second_reading(raw, parts, found)
    except Exception:  # a fault of ours must not stop the mailbox from being read
        return Returned("other", rule="unreadable")
    return replace(found, message_ids=_message_ids(parts), to=_to(parts))


def _is_wanting(found: Returned, parts: Parts) -> bool:
    """A bounce of nobody, or nothing at all from a mail robot: another reader may know the format."""
    if found.kind == "bounce":
        return not found.recipients
    return found.kind == "other" and found.rule == "nothing_found" and _is_robot(parts)


def _tamed(raw: bytes) -> bytes:
    """So much of a mail that no pattern of the other reader runs wild: few, short lines, no runs of empty ones."""
    lines = re.sub(rb"\n{3,}", b"\n\n", re.sub(rb"\r\n?", b"\n", raw[:32_768])).split(b"\n")
    return b"\n".join(line[:300] for line in lines[:400])


def _second_reading(raw: bytes, parts: Parts, found: Returned) -> Returned:
    """Whom flufl.bounce (Mailman's reader) finds; the cause is read from the words by us, as everywhere."""
    try:
        message = email.message_from_bytes(_tamed(raw))
        temporary, permanent = all_failures(message)
    except Exception:
        return found
    addresses = [
        _clean(address.decode("utf-8", "replace") if isinstance(address, bytes) else str(address))
        for address in sorted({*temporary, *permanent})
    ]
    whom = [address for address in addresses if _ADDRESS.fullmatch(address)]
    recipients = tuple(_judged(parts, _head(parts.text), address, len(whom) == 1) for address in whom)
    return Returned("bounce", recipients, rule="flufl_bounce") if recipients else found


# --- what kind ------------------------------------------------------------------------------------------------

_ROBOT = re.compile(
    r"mailer[-_. ]?daemon|\bpostmaster\b|mail delivery (?:sub)?system|mail ?delivery|\bmdaemon\b|\bmmdf\b|listmaster|"
    r"mail ?administrat|mail system|system administrator|internet mail delivery|\bbounces?\b|no-?reply.{0,10}(?:bounce|deliver)|"
    r"\bamavis|notification.{0,8}deliver|microsoft ?exchange|groupwise|\bnotes? ?(?:mail|router)|\bsmtp\b|mail ?gateway|\broot@|\bnobody@",
    re.IGNORECASE,
)
_SUBJECT = re.compile(
    r"undeliver|un-deliver|\bfailed\b|not deliver|non-?deliver|deliver(?:y|ed)?\b.{0,40}(?:fail|problem|error|status|notif|report|unsuccess|delay|exception|incomplete|system|impossible|warning|reject|has been|suspend|not)|"
    r"(?:fail|error|problem|unable|could ?n.?t|warning|unsuccessful|impossible).{0,40}deliver|returned? (?:mail|to sender|message|e-?mail)|mail (?:return|fail|error|system|could|not|reject|refused)|failure notice|bounced?\b|"
    r"(?:message|mail|e-?mail|letter)\b.{0,40}(?:return|reject|could not|cannot|blocked|refused|not be deliver|undeliv|not sent|delay|failed|failure|error)|"
    r"(?:unknown|invalid|bad|incorrect|no such|nonexist\w*) (?:user|address|recipient|mailbox|account|local)|user unknown|address (?:unknown|error|change)|recipient (?:unknown|rejected)|mailbox (?:full|unavailable|not)|"
    r"\bNDN\b|\bNDR\b|\bDSN\b|quota|postmaster (?:notify|notification)|mail ?delivery|rejected mail|permanent (?:delivery|error|failure)|fatal|nameserver|no such|"
    r"unzustell|nicht zustell|zustell(?:ung|bar)|fehlgeschlag|échec|echec|non (?:remis|délivr|distribu|deliv)|retour|remise|erreur|rapport de non|no (?:se )?(?:ha podido|pudo|entrega)|no entregad|devuel|fallo|error de entrega|notificaci[oó]n|mancat|mancata|consegna|non recapit|não entreg|nao entreg|falha|devolvid|niet bezorg|onbestelbaar|niet afgeleverd|"
    r"olever|kunde inte|misslyck|uleveret|ikke lever|ikke sendt|toimit|niedostarcz|zwrot|nedoruč|недостав|не доставлен|доставк|ошибк|возврат|не удалось|配信|配達|不達|エラー|送信できません|失敗|退信|退回|无法|失败|无法投递|系统退信|投递|반송|전송 ?실패|teslim",
    re.IGNORECASE,
)
_ANSWER_SUBJECT = re.compile(
    r"\A\s*(?:re:|aw:|auto:|fwd?:|sv:|\[)*\s*(?:auto(?:matic|mated|matisch\w*|matique|mática|matica)?[ -]?(?:re(?:ply|sponse|sponder|spond)|antwort|response|message)|out[- ]of[- ](?:the[- ])?office|ooo\b|vacation|on (?:vacation|holiday|leave)|away from|"
    r"abwesen|automatische antwort|auto-?antwort|réponse automatique|reponse automatique|absen(?:t|ce)|en (?:vacances|congé)|respuesta autom|fuera de|ausen|risposta automatic|fuori (?:sede|ufficio)|assen|afwezig|automatisch antwoord|automatiskt svar|autosvar|automaattinen|resposta autom|férias|автоответ|автоматический ответ|отсутств|vacances|自動返信|自動応答|不在|自动回复|自動回覆|自动答复|자동|부재|"
    r"automatisk|odpowiedź automatyczna|autoodpowied|nieobecn|automatická odpov|automatikus válasz|otomatik yan|αυτόματη απ|răspuns automat|raspuns automat|תגובה אוטומטית|מענה אוטומטי|رد تلقائي|الرد التلقائي|автоматична|automatski odgovor|samodejni odgovor|автоматичен отговор|automatinis atsakymas|ตอบกลับอัตโนมัติ|trả lời tự động|balasan otomatis|"
    r"i (?:no longer work|have left|'ve left)|(?:has|have) left (?:the )?(?:company|organi[sz]ation|firm)|no longer (?:with|at|works?|employed))",
    re.IGNORECASE,
)
_ANSWER_WORDS = re.compile(
    r"\bout of (?:the )?office\b|\bon (?:vacation|holiday|annual leave|maternity leave|parental leave)\b|i (?:am|will be|'m) (?:currently )?(?:away|out|on)\b|automat(?:ed|ic) (?:reply|response)|will (?:be back|return) on|"
    r"abwesend|nicht im (?:büro|hause)|absent(?:e)? du|en congé|fuera de la oficina|fuori ufficio|en vacances|"
    r"thank you for (?:your (?:e-?mail|message|inquiry|mail)|contacting)|we have received your|ticket (?:number|id)",
    re.IGNORECASE,
)


def _read(parts: Parts) -> Returned:
    if report := _spam_report(parts):
        return report
    # Dovecot words its refusals ("automatically rejected: quota exceeded") as disposition notifications, too.
    if parts.read_receipt and not (_is_robot(parts) and _SUBJECT.search(parts.header("Subject"))):
        return Returned("auto_reply", rule="read_receipt")
    groups = _groups(parts)
    if groups:
        return _of_groups(parts, groups)
    failed = _failed_recipients_header(parts)
    if _is_answer(parts) and not failed:
        return Returned("auto_reply", rule="answers_by_itself")
    bounce = _of_words(parts, failed)
    if bounce is not None:
        return bounce
    if _ANSWER_WORDS.search(parts.text[:3000]) and _has_answer_header(parts):
        return Returned("auto_reply", rule="answer_words")
    return Returned("other", rule="nothing_found")


def _has_answer_header(parts: Parts) -> bool:
    submitted = parts.header("Auto-Submitted").lower()
    if submitted.startswith(("auto-replied", "auto-generated")):  # RFC 3834
        return not (_is_robot(parts) or _is_report_of_another_kind(parts))
    names = (
        "X-Autoreply",
        "X-Autorespond",
        "X-Auto-Response",
        "X-AutoReply-From",
        "X-Mail-Autoreply",
        "X-Autogenerated",
    )
    if any(parts.header(name).lower() in ("yes", "reply", "replied", "true", "1") for name in names):
        return True
    if any(parts.header(name) for name in ("X-Autorespond", "X-Autoreply-From", "X-TMDA-Confirm-Done")):
        return True
    if (
        parts.header("X-List-Administrivia").lower() == "yes"
        or "tmda" in parts.header("X-Delivery-Agent").lower()
    ):
        return True  # a list's "awaits approval", a filter's "prove that you are a person"
    if parts.header("X-Auto-Response-Suppress") and not _is_robot(parts):
        return True
    return parts.header("Precedence").lower() in ("auto_reply", "auto-reply") or (
        parts.header("Delivered-To").lower() == "autoresponder"
    )


def _is_report_of_another_kind(parts: Parts) -> bool:
    """DMARC and TLS reports: made by machines, but no answers."""
    return bool(re.match(r"\s*report[ _]domain", parts.header("Subject"), re.I)) or bool(
        re.search(r"tlsrpt|application/(?:zip|gzip|tlsrpt)", parts.header("Content-Type"), re.I)
    )


def _is_robot(parts: Parts) -> bool:
    return any(_ROBOT.search(parts.header(name)) for name in ("From", "Sender", "Return-Path"))


def _is_answer(parts: Parts) -> bool:
    """RFC 3834 and the habits of those who do not know it. A mailer's report is none, even if it says so."""
    if parts.status or _SUBJECT.search(parts.header("Subject")):
        return False
    return _has_answer_header(parts) or bool(_ANSWER_SUBJECT.match(parts.header("Subject")))


# --- spam reports (RFC 5965) ----------------------------------------------------------------------------------

_REPORTED = (
    "Original-Rcpt-To",
    "Redacted-Address",
    "Removal-Recipient",
    "Original-Recipient",
    "X-Original-To",
)
_HOTMAIL = re.compile(r"^X-HmXmrOriginalRecipient:\s*<?([^\s<>]+@[^\s<>]+)>?", re.I | re.M)
_REPORT_SUBJECT = re.compile(
    r"complaint about message from|\bfbl\b|feedback loop|abuse report|spam (?:report|complaint)|email feedback report|\barf\b report",
    re.I,
)


def _spam_report(parts: Parts) -> Returned | None:
    feedback = parts.feedback or [
        text for text in (parts.text,) if re.search(r"^Feedback-Type:", text, re.M | re.I)
    ]
    originals = "\n".join(parts.originals)
    if feedback:
        return _of_feedback(parts, feedback[0], originals)
    is_complaint = bool(_REPORT_SUBJECT.search(parts.header("Subject")))
    hotmail = _HOTMAIL.search(originals) or _HOTMAIL.search(parts.text)
    if is_complaint or hotmail:
        addresses = [hotmail[1]] if hotmail else _original_to(parts)
        return _reported(addresses, parts.header("Subject"), "complaint_subject")
    return None


def _of_feedback(parts: Parts, text: str, originals: str) -> Returned:
    fields = _fields(text)
    kind = fields.get("feedback-type", ["abuse"])[0].strip().lower()
    if kind in ("not-spam", "auth-failure", "dmarc"):
        return Returned("other", rule=f"feedback_{kind.replace('-', '_')}")
    found = [value for name in _REPORTED for value in fields.get(name.lower(), ())]
    addresses = [address for value in found for address in _ADDRESS.findall(value)]
    if not addresses and (hotmail := _HOTMAIL.search(originals)):
        addresses = [hotmail[1]]
    addresses = addresses or _original_to(parts)
    evidence = "\n".join(line for line in text.splitlines() if line.strip())[:2000]
    return _reported(addresses, evidence, f"feedback_{kind or 'abuse'}".replace("-", "_"))


def _reported(addresses: list[str], evidence: str, rule: str) -> Returned:
    recipients = tuple(
        Recipient(_clean(address), "hard", "spam_report", "", evidence, rule)
        for address in dict.fromkeys(addresses)
    )
    return Returned("spam_report", recipients, rule=rule)


# --- RFC 3464 -------------------------------------------------------------------------------------------------

_ADDRESS = re.compile(
    r"(?:\"[^\"\n]{1,64}\"|[^\s<>()\[\]\"';:,@\\]{1,64})@(?:\[[\d.:a-fA-Fv]+\]|[^\s<>()\[\]\"';:,@\\*?]{1,253})"
)
_FIELD = re.compile(r"^([A-Za-z][A-Za-z0-9-]{1,60})[ \t]*:[ \t]*(.*)$")
Group = dict[str, list[str]]


def _fields(text: str) -> Group:
    """The fields of one group, by lower-case name; folded lines joined, each field's lines in order."""
    fields: Group = {}
    last: list[str] | None = None
    for line in text.splitlines():
        found = _FIELD.match(line)
        if found:
            last = fields.setdefault(found[1].lower(), [])
            last.append(found[2].strip())
        elif last and line[:1] in (" ", "\t") and line.strip():
            last[-1] = f"{last[-1]} {line.strip()}"[:4000]
    return fields


def _groups(parts: Parts) -> list[Group]:
    """The per-recipient groups, wherever they stand: in their own part, or (cut, mistyped) in the text."""
    sources = list(parts.status)
    if not any(_IS_GROUP.search(source) for source in sources):
        sources += [text for text in (parts.text, *parts.originals) if _IS_GROUP.search(text)]
    groups = []
    for source in sources:
        for block in re.split(r"\n[ \t]*\n", source):
            fields = _fields(block)
            if fields.keys() & {"final-recipient", "original-recipient", "x-actual-recipient"} and (
                "action" in fields or "status" in fields or "diagnostic-code" in fields
            ):
                groups.append(fields)
    return groups


_IS_GROUP = re.compile(r"^(?:Final|Original)-Recipient[ \t]*:", re.I | re.M)
_GOOD = ("delivered", "relayed", "expanded", "deliverable")


def _of_groups(parts: Parts, groups: list[Group]) -> Returned:
    bad = [group for group in groups if _first(group, "action").lower().split(" ")[0] not in _GOOD]
    if not bad:
        return Returned("success", rule="rfc3464_delivered")
    recipients: dict[str, Recipient] = {}
    failed = _failed_recipients_header(parts)
    for group in bad:
        read = _of_group(parts, group, is_only=len(bad) == 1, failed=failed)
        if read.address and read.address.lower() not in recipients:
            recipients[read.address.lower()] = read
    if not recipients:
        return Returned("bounce", (), rule="rfc3464_without_address")
    return Returned("bounce", tuple(recipients.values()), rule="rfc3464")


def _of_group(parts: Parts, group: Group, *, is_only: bool, failed: list[str]) -> Recipient:
    address = _address_of_group(group) or (failed[0] if len(failed) == 1 and is_only else "")
    if "@" not in address and is_only:
        known = failed or _original_to(parts)
        if len(known) == 1:
            address = known[0]
    status = (_CODE.search(_first(group, "status")) or [""])[0]
    action = _first(group, "action").lower().split(" ")[0]
    said = " ".join(group.get("diagnostic-code", []) + group.get("x-supplementary-info", []))
    lines = [f"{name}: {value}" for name in _SHOWN for value in group.get(name, ())]
    step = step_of(said) or step_of(_about(parts.text, address) or (_head(parts.text) if is_only else ""))
    diagnosis = diagnose(_narrower(status, said), said, action=action, step=step)
    if diagnosis.cause in (
        "undetermined",
        "policy",
        "temporary",
        "protocol",
        "disabled",
    ) and not diagnosis.rule.startswith("says_a"):
        diagnosis, words = _better(diagnosis, parts, address, status, action, is_only=is_only)
        lines += words
    is_delayed = action == "delayed"
    return _recipient(address, diagnosis, status or status_of(said), lines, is_delayed=is_delayed)


_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_SHOWN = ("final-recipient", "original-recipient", "action", "status", "remote-mta", "diagnostic-code")


def _narrower(status: str, said: str) -> str:
    """The server's own code, where the report's says nothing ("5.0.0"). One of another class does not count."""
    if status and status[1:] != ".0.0":
        return status
    told = status_of(said)
    if told and status and told[0] != status[0] and not told.endswith(".0.0"):
        return status
    return told if told and not told.endswith(".0.0") else status


def _better(
    diagnosis: Diagnosis, parts: Parts, address: str, status: str, action: str, *, is_only: bool
) -> tuple[Diagnosis, list[str]]:
    """What the words for people add to fields that say too little."""
    words = _about(parts.text, address) if address else ""
    if not words and is_only:
        words = _head(parts.text)
    if not words:
        return diagnosis, []
    second = diagnose(status, words, action=action, step=step_of(words))
    is_vague = diagnosis.cause == "undetermined" or diagnosis.rule == "status_code"
    if second.rule.startswith("says_") and (
        is_vague or (second.is_hard and diagnosis.rule == "nothing_told")
    ):
        if second.cause == "temporary" and diagnosis.cause != "undetermined":
            return diagnosis, []
        return second, words.splitlines()[:8]
    return diagnosis, []


def _address_of_group(group: Group) -> str:
    """RFC 3461: whom we wrote to is the original recipient; the final one may be where it was forwarded to."""
    for name in ("original-recipient", "final-recipient", "x-actual-recipient"):
        for value in group.get(name, ()):
            text = _unxtext(value.partition(";")[2].strip() or value)
            found = _ADDRESS.findall(text)
            if found:
                return _clean(found[0])
            if name == "final-recipient" and text and " " not in text.strip() and "@" not in text:
                continue
    return ""


def _unxtext(text: str) -> str:
    """RFC 3461 section 4: `+2B` is a plus; RFC 6533: `\\x{E9}` is é."""
    text = re.sub(r"\\x\{([0-9A-Fa-f]{2,6})\}", lambda m: _char(int(m[1], 16)), text)
    if re.search(r"\+[0-9A-F]{2}", text) and re.search(r"\+(?:2B|3D|40)", text):
        text = re.sub(r"\+([0-9A-F]{2})", lambda m: chr(int(m[1], 16)), text)
    return text


def _char(code: int) -> str:
    return chr(code) if 31 < code < 0x110000 and not 0xD800 <= code < 0xE000 else ""


def _first(group: Group, name: str) -> str:
    return group.get(name, [""])[0]


# --- everything else: words -----------------------------------------------------------------------------------

_ORIGINAL_BEGINS = re.compile(
    r"^[\s>*#|]*[-=_* ]{0,60}(?:(?:below|here|this|following|enclosed|attached)\b.{0,40}(?:copy|header|text|portion|message)s?\b.{0,60}(?:message|header|original|mail|follow)|"
    r"(?:original|returned|unsent|undelivered|rejected|failed|bounced|start of|copy of(?: the| your)?) (?:message|mail|e-?mail|text|headers?)(?: \w+){0,4}(?: follows?| below| begins| headers?| text)?|your (?:message|mail|e-?mail)(?: \w+){0,3} (?:follows|below|begins|headers?|text)|"
    r"message (?:headers?|text|contents?|body|follows|from)\b.{0,20}|(?:the )?(?:text|header|body|first .{1,20} (?:lines|bytes)|contents?) of (?:the|your) (?:original |message|mail|e-?mail).{0,40}|"
    r"original (?:message|mail|headers?)|returned (?:message|mail)|unsent message(?: below)?|message follows|begin (?:message|mail)|ursprüngliche nachricht|message d'origine|mensaje original|messaggio originale|原邮件|元のメッセージ|以下は|исходное сообщение)[\s:.=\-_*]*$",
    re.IGNORECASE | re.MULTILINE,
)
_HEADER_BLOCK = re.compile(
    r"^[ \t>|]*(?:Return-Path|Received|Message-ID|X-[A-Za-z-]{2,40}|MIME-Version|DKIM-Signature|Delivered-To)[ \t]*:.*\n(?:[ \t>|]+.*\n|[ \t>|]*[A-Za-z][A-Za-z-]{1,40}[ \t]*:.*\n){1,}",
    re.IGNORECASE | re.MULTILINE,
)
_BEGINNINGS = (_ORIGINAL_BEGINS, _HEADER_BLOCK)
_REFUSAL = re.compile(
    r"could(?: no|n['’]?)t be (?:deliver|sent|complet|process)|(?:was|were|has|have|had|been|is|are|be) (?:not|n['’]t) (?:been )?(?:deliver|sent|accept|reach)|not (?:be )?(?:deliver|reach|able to deliver)|undeliver|unable to (?:deliver|send|relay|complete|process)|(?:fail|failed|failure|error|problem|trouble)\w*(?: \S+){0,8} (?:deliver|send|sent|recipient|address|transfer|transmission|mail)|deliver\w*(?: \S+){0,10} (?:fail|error|problem|not|refused|impossible|unsuccess|delay|attempt|suspend|abandon)|"
    r"permanent (?:fatal )?(?:error|failure|delivery)|fatal error|(?:user|recipient|mailbox|address|account)(?: \S+){0,5} (?:unknown|not found|does not exist|invalid|rejected|full|unavailable|disabled|not valid|not known|not listed|unrecogni)|unknown (?:user|recipient|address|mailbox|addressee|local)|no such (?:user|address|mailbox|recipient)|(?:mail|message|e-?mail)(?: \S+){0,6} (?:returned|rejected|bounced|refused|blocked|failed|delayed|not delivered|not sent|discarded)|returned to (?:you|sender|the sender)|over ?quota|quota exceeded|exceed\w* (?:\S+ ){0,3}quota|did not (?:receive|reach)|can ?not (?:be )?(?:deliver|sent|reach|accept)|gave up|given up|(?:has|have) been (?:in the queue|returned|rejected|blocked)|"
    r"\b[45]\d\d[ -][45]\.\d+\.\d+\b|\b(?:550|551|552|553|554|450|451|452|421)[ -]|>>> RCPT|RCPT TO|SMTP error|smtp;|host said|mail ?box (?:is )?full|no longer (?:valid|in use|active|available|accept)|"
    r"konnte nicht|nicht zugestellt|unzustellbar|zurückgewiesen|n['’]a pas (?:pu|été)|n['’]ont pas|impossible|pas pu être|échec|inconnu|erreur|no (?:se )?(?:ha|pudo|ha podido|fue|puede)(?: sido| ser)? (?:entreg|ser|envi)|rechazad|non (?:è stat|può|e' stat|consegna)|impossibile|não (?:foi|pôde|pode)|nao foi|falha|kon niet|niet (?:worden )?(?:afgeleverd|bezorgd)|kunde inte|kunne ikke|ei voitu|nie (?:można|został|mogła)|не (?:может|было|удалось|доставлен)|невозможно|недостав|配信できません|送信できません|届けられません|配送できません|エラー|不明|失敗|无法|失败|退回|不能|不存在|被退|전송|ulaşt[ıi]r[ıi]lamad",
    re.IGNORECASE,
)
_NOT_WHOM = re.compile(
    r"(?:mailer-daemon|postmaster|abuse|help-?desk|support|webmaster|hostmaster|admin(?:istrator)?|no-?reply|do-?not-?reply|root|nobody|listmaster|mdaemon|info-?desk|bounces?|daemon|spam)@",
    re.IGNORECASE,
)
_BEFORE_OTHERS = re.compile(
    r"(?:\bfrom|sender|return-path|reply-to|by|contact|mailto|message-?id|e-?mail(?: us)?(?: at)?|via|resent-from|references|in-reply-to|questions to|ask|report\w* to|write to|forward\w* (?:this )?to|delivered-to|received: .{0,200}|x-\S+|errors-to|help at|administrator|absender|expéditeur|remitente|mittente)[\s:=]*[<\"'(\[]*\Z",
    re.IGNORECASE,
)
_BEFORE_WHOM = re.compile(
    r"(?:\bto|generated from|rcpt|recipients?|user(?: ?id)?|address(?:es)?|addressee|mail ?box|userid|smtp|login|account|for|destinataires?|empfänger\w*|adressen?|destinatari\w*|получател\w*|адрес\w*|宛先|收件人|not deliver\w*|undeliver\w*|unknown|failed|rejected|following|final-recipient|local part)[\s:=;]*(?:rfc822;)?\s*[<\"'(\[]*\Z",
    re.IGNORECASE,
)


_SERVERS_WORDS = re.compile(
    r"\b[245]\d\d[ -][245]\.\d+\.\d+|\b[45]\d\d[ -]\S|RCPT TO|\bSMTP\b|\bMTA\b|mail ?server|mail system|postmaster|mailbox|quota|"
    r"\byour (?:message|mail|e-?mail)\b.{0,60}(?:could|was|has|cannot|did)|votre (?:message|courriel)|ihre (?:nachricht|e-?mail)|su mensaje|"
    r"(?:unknown|no such|invalid) (?:user|address|recipient)|user unknown|recipient\(s\)|following (?:recipient|address)|original message|undeliver|delivery (?:fail|status|error)",
    re.IGNORECASE,
)
_MOST_ADDRESSES = 100
_QUOTED_HEADER = re.compile(r"\s*(?:To|Cc|Bcc)\s*:", re.IGNORECASE)
_ANNOUNCES = re.compile(
    r"(?:following|these|below|listed|next) (?:\w+ ){0,3}(?:recipient|address|user|e-?mail|destination|person|people|mailbox)|recipient\(s\)|recipients? (?:of|that|could|failed|were|was|list|not)|"
    r"(?:not|n['’]t|unable to|failed to)(?: \w+){0,3} (?:deliver\w*|reach\w*|sent|send)(?: \w+){0,4}(?: to| by)?(?: the| these| following| recipients?| address\w*)*\s*:?\s*\Z|fatal errors|transcript of session|"
    r"(?:folgende\w*|an die) (?:empfänger|adresse|e-?mail)|(?:destinataires?|adresses?) suivant|siguientes? (?:destinatari|direcci)|seguent[ei] (?:destinatari|indirizz)|seguintes? (?:destinat|endere)|следующ|以下の|下記|下列|以下收件人",
    re.IGNORECASE,
)


def _of_words(parts: Parts, failed: list[str]) -> Returned | None:
    """A bounce in the format of a server's own: who it is from, what it says, whom it names."""
    region = _head(parts.text)
    is_from_robot = _is_robot(parts)
    has_no_return = parts.header("Return-Path").strip() == "<>"  # reports have none, answers may have none
    is_report = "delivery-status" in parts.header("Content-Type").lower() or bool(parts.status)
    is_subject = bool(_SUBJECT.search(parts.header("Subject")))
    is_said = bool(_REFUSAL.search(region))
    if not failed and _is_good_news(parts.header("Subject"), region):
        return Returned("success", rule="says_delivered")
    if not failed and _OWN_BOX.search(f"{parts.header('Subject')}\n{region[:2000]}"):
        return None
    signs = (is_from_robot or has_no_return) + is_subject + is_said + is_report
    if not failed and (signs < 2 or not (is_said or is_subject)):
        return None
    is_from_person = not (failed or is_from_robot or is_report)
    if is_from_person and (parts.header("In-Reply-To") or not _SERVERS_WORDS.search(region)):
        return None  # "my parcel could not be delivered": a person's words
    addresses = failed or _addresses(parts, region)
    if is_from_person and not addresses:
        return None
    if not addresses:
        addresses = _original_to(parts)
    if not addresses:
        return Returned("bounce", (), rule="words_without_address")
    recipients = tuple(_judged(parts, region, address, len(addresses) == 1) for address in addresses)
    return Returned("bounce", recipients, rule="failed_recipients_header" if failed else "words")


_GOOD_NEWS = re.compile(
    r"\((?:success|relay(?:ed)?|delivered|expanded)\)|successful delivery notification|success(?:fully)? (?:delivered|relayed)|return receipt|delivery (?:receipt|confirmation)|"
    r"has been delivered to|was delivered to the following|erfolgreich zugestellt|remis avec succès|entregado correctamente|consegnato correttamente|успешно доставлено",
    re.IGNORECASE,
)
_BAD_NEWS = re.compile(
    r"could not|couldn['’]t|cannot|can['’]t|fail|undeliver|fatal|не может|не удалось|nicht|impossible|error|reject|refus|unknown|delay|warning|not (?:be |been )?delivered|\b[45]\d\d[ -]|\b[45]\.\d\.\d",
    re.IGNORECASE,
)
_OWN_BOX = re.compile(
    r"\byour (?:\S+ )?(?:mail ?box|account|inbox|quota|storage)(?: \S+){0,3} (?:is|are|has)(?: \S+){0,2} (?:almost|nearly|close|approach|about to|\d{2} ?%)|"
    r"\b(?:almost|nearly) (?:full|out of (?:space|storage))",
    re.IGNORECASE,
)


def _is_good_news(subject: str, region: str) -> bool:
    """A receipt in words: something arrived, and nothing is said to have failed."""
    # What follows "may not", "if this fails" in the small print stands behind the first lines.
    told = f"{subject}\n{region[:600]}"
    return bool(_GOOD_NEWS.search(told)) and not _BAD_NEWS.search(told)


def _judged(parts: Parts, region: str, address: str, is_only: bool) -> Recipient:
    near = _about(region, address)
    step = step_of(near) or (step_of(region) if is_only else "")
    diagnosis = diagnose("", near, step=step)
    words = near
    if diagnosis.cause in ("undetermined", "temporary", "policy") and (
        is_only or diagnosis.cause == "undetermined"
    ):
        subject = parts.header("Subject")
        wider = diagnose("", region, step=step) if is_only or not near else diagnosis
        if wider.cause == "undetermined":
            wider = diagnose("", subject)
        if diagnosis.cause == "undetermined" or (wider.is_hard and diagnosis.rule == "nothing_told"):
            diagnosis, words = wider, f"{subject}\n{near or region}"
    status = status_of(near) or status_of(region)
    return _recipient(address, diagnosis, status, [line for line in words.splitlines() if line.strip()][:12])


def _recipient(
    address: str, diagnosis: Diagnosis, status: str, lines: list[str], *, is_delayed: bool = False
) -> Recipient:
    evidence = "\n".join(line.strip() for line in lines if line.strip())[:2000]
    class_: Class = "hard" if diagnosis.is_hard and not is_delayed else "soft"
    return Recipient(address, class_, diagnosis.cause, status, evidence, diagnosis.rule, is_delayed)


def _head(text: str) -> str:
    """What stands before the original mail, where that is pasted into the text."""
    text = text[:12_000]
    refused = _REFUSAL.search(text)
    if refused is None:
        return text
    # The original cannot begin before anything was said about its refusal.
    cuts = [found.start() for pattern in _BEGINNINGS if (found := pattern.search(text, refused.end()))]
    return text[: min(cuts, default=len(text))]


def _addresses(parts: Parts, region: str) -> list[str]:
    """The addresses the words name as those not reached, best first shown; ours and the servers' left out."""
    ours = {
        address.lower()
        for name in ("To", "From", "Sender", "Reply-To", "Cc")
        for address in _ADDRESS.findall(parts.header(name))
    }
    intended = {address.lower() for address in _original_to(parts)}
    points: dict[str, int] = {}
    spelled: dict[str, str] = {}
    follows = 0  # lines since one that announces those who were not reached
    for line in (line[:600] for line in region.splitlines()[:600]):
        follows = 12 if _ANNOUNCES.search(line) else follows - bool(line.strip())
        for found in _ADDRESS.finditer(line):
            address = _clean(found[0])
            key = address.lower()
            if not _is_address(address) or len(points) >= _MOST_ADDRESSES:
                continue
            score = _score(line, found.start(), found.end())
            if follows > 0 and score >= 0:
                score += 2
            if key in intended:
                score += 1
            if key in ours and key not in intended:
                score -= 4
            if _NOT_WHOM.match(key) and key not in intended:
                score -= 2
            points[key] = max(points.get(key, -9), score)
            spelled.setdefault(key, address)
    best = max(points.values(), default=0)
    if best < 1:
        return []
    return [
        spelled[key] for key, score in points.items() if score >= max(2, best - 1) or (best == score == 1)
    ]


def _score(line: str, start: int, end: int) -> int:
    """How much a line says "this is whom it was for" of the address that stands in it."""
    before, after = line[:start], line[end:]
    bare = before.strip(" \t<>\"'([*-•|·\u3000")
    score = 0
    if not bare:
        score += (
            3
            if not after.strip(" \t>\"')].,;:*-|") or re.match(r"[>\"')\]\s]*(?:[:.;,(-]|\.{2,}|\s)", after)
            else 2
        )
    elif _QUOTED_HEADER.match(before):
        score += 1
    elif _BEFORE_WHOM.search(before):
        score += 3
    elif _BEFORE_OTHERS.search(before):
        score -= 3
    elif re.search(r"[<(\[\"']\Z", before) and _REFUSAL.search(line):
        score += 2
    elif _REFUSAL.search(line) or (re.search(r":[\s<\"']*\Z", before) and not after.strip(" \t>\"')].,")):
        score += 1
    if re.match(r"[>\"')\]]*\s*(?:\.{2,}|:|;|\(|-{1,2}|is|was|does|has|not|unknown|user|mail)", after):
        score += 1
    return score


def _about(text: str, address: str) -> str:
    """The lines on this address: its own and those after it, up to the next address."""
    if not address or not text:
        return ""
    lines = text.splitlines()
    key = address.lower()
    taken: list[str] = []
    for number, line in enumerate(lines):
        if key in line.lower():
            taken.append(line)
            for later in lines[number + 1 : number + 12]:
                others = {found.lower() for found in _ADDRESS.findall(later)}
                if others and key not in others and re.match(r"\s*[<\"'(]*[^\s@<]+@", later):
                    break
                taken.append(later)
            if len(taken) > 60:
                break
    return "\n".join(dict.fromkeys(taken))


def _failed_recipients_header(parts: Parts) -> list[str]:
    """X-Failed-Recipients (Exim, Gmail) names them without a doubt."""
    said = ",".join(parts.all("X-Failed-Recipients"))
    return list(dict.fromkeys(_clean(address) for address in _ADDRESS.findall(said)))


def _original_to(parts: Parts) -> list[str]:
    """To whom the mail that came back was addressed."""
    texts = [*parts.originals, *(_HEADER_BLOCK.findall(parts.text)[:1])]
    if not parts.originals:
        tail = parts.text[len(_head(parts.text)) :]
        texts.append(tail)
    for text in texts:
        head = text[:8000]
        found = re.search(
            r"^[ \t>|]*(?:To|X-Original-To|Delivered-To)[ \t]*:[ \t]*(.*(?:\n[ \t]+.*)*)", head, re.I | re.M
        )
        if found:
            addresses = [_clean(address) for address in _ADDRESS.findall(found[1])]
            if addresses:
                return list(dict.fromkeys(addresses))[:10]
    return []


def _message_ids(parts: Parts) -> tuple[str, ...]:
    """The Message-IDs of what came back, and those this mail answers."""
    said = [
        found
        for text in (*parts.originals, *parts.feedback, parts.text)
        for found in re.findall(
            r"^[ \t>|]*(?:Original-)?Message-ID[ \t]*:\s*(<[^<>\s]{3,400}>)", text, re.I | re.M
        )
    ]
    answers = re.findall(r"<[^<>\s]{3,400}>", f"{parts.header('In-Reply-To')} {parts.header('References')}")
    return tuple(dict.fromkeys(said + answers))[:20]


def _to(parts: Parts) -> tuple[str, ...]:
    """Every address this mail was sent to: the return path may be among them."""
    names = (
        "Delivered-To",
        "X-Original-To",
        "Envelope-To",
        "X-Envelope-To",
        "To",
        "Cc",
        "X-Failed-Return-Path",
    )
    said = [address for name in names for value in parts.all(name) for address in _ADDRESS.findall(value)]
    received = [
        address
        for value in parts.all("Received")
        for address in re.findall(r"\bfor <?([^\s<>;]+@[^\s<>;]+)>?", value)
    ]
    return tuple(dict.fromkeys(said + received))[:40]


def _clean(address: str) -> str:
    address = re.sub(r"\A(?:rfc822;|smtp[:=;]|mailto:)", "", address.strip(), flags=re.I)
    return address.strip("<>\"'()[]{},;: \t").rstrip(".")


def _is_address(address: str) -> bool:
    local, _, domain = address.rpartition("@")
    return bool(local) and len(address) <= 320 and ("." in domain or domain.startswith("["))
