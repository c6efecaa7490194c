"""Why a mail was refused: from the status code and the words together (RFC 3463 and what servers really write). Pure.

The code alone is not to be trusted: 5.1.1 is said of full boxes and of blocked senders, 5.7.1 of people who
left. So the words decide where they are plain, the code where they are not, and whatever might be our own fault
is never held against the address.

Nor are the words alone proof of a dead address where the server had taken the recipient before. RFC 5321 (3.3)
lets it refuse an unknown one in reply to RCPT; "550 Unknown user" after the content is how mobile carriers word
a person's own filter (NTT docomo), and "this user doesn't have a … account" was said of a quarter of the living
mailboxes of Yahoo late in 2019. Such an address counts as one that did not answer, and is given up by the decay
rule if it goes on.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Class = Literal["hard", "soft"]

CAUSES = {
    "address_unknown": "the mailbox does not exist",
    "domain_unknown": "the domain does not exist or takes no mail",
    "moved": "the person has moved to another address",
    "mailbox_full": "the mailbox is full",
    "too_big": "the letter is too big",
    "temporary": "the server could not take it for now",
    "policy": "refused for its content or by a rule of the recipient's side",
    "spam": "taken for spam, or the sender's reputation",
    "authentication": "the sender is not proven (SPF, DKIM, DMARC)",
    "rate_limited": "too many letters in too short a time",
    "protocol": "the servers did not understand each other",
    "disabled": "the mailbox is switched off for now",
    "undetermined": "no reason was told",
    "spam_report": "the person called it spam",
    "auto_reply": "an automatic answer",
}
"""Every cause, in words."""

DEAD = frozenset({"address_unknown", "domain_unknown", "moved"})
"""Only these say that the address itself will never work."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The cause, whether the address is dead, and the name of the rule that decided."""

    cause: str
    is_hard: bool
    rule: str


def _rule(name: str, cause: str, *words: str) -> tuple[str, str, re.Pattern[str]]:
    return name, cause, re.compile("|".join(words), re.IGNORECASE)


# In the order in which they are tried. What is about us (authentication, spam, rate) comes before what is about
# the person, as servers like to mention the recipient's address while they refuse the sender.
_RULES = (
    _rule(
        "says_authentication",
        "authentication",
        r"\bdmarc\b|\bdkim\b(?!.{0,30}pass)|\bspf\b(?!.{0,30}pass)|sender policy framework|5\.7\.515|5\.7\.(?:20|21|22|23|24|25|26|27|29|30)\b",
        r"unauthenticated (?:email|mail|sender)|sender authentication|not authenticated|does not pass authentication|"
        r"authentication (?:required|checks?|requirements)|must issue a starttls|requires? (?:smtp )?auth|"
        r"not permitted to relay .{0,20}without auth|does not designate|domain of .{0,80} does not (?:designate|permit)|"
        r"reverse (?:dns|host ?name|lookup)|authentication failed|\bPTR\b|no reverse|missing reverse|unable to verify (?:your|the sender'?s?) (?:domain|identity)",
    ),
    _rule(
        "says_content",
        "policy",
        r"potential security|malware|(?:contain\w*|infected|detected|found).{0,20}\bvirus|\bvirus(?:es)? (?:was |has been |is )?(?:found|detected|infected)",
    ),
    _rule(
        "says_spam",
        "spam",
        r"\bspam\b(?! ?box|@| folder)|spam-?like|spamhaus|spamcop|\bdnsbl\b|\brbl\b|\bsurbl\b|\buribl\b|barracuda ?central|sorbs|senderbase|"
        r"senderscore|cloudmark|black ?list|block ?list|blocklisted|(?<!not )\blisted (?:by|in|on|at)\b(?! (?:domino|public|name))|zen\.|proofpoint.{0,30}block|"
        r"reputation|unsolicited|\b[A-Z]{2}:SPM\b|(?:mail|messages?|traffic) (?:not accepted )?from (?:this |your )?(?:ip\b|\[?[\d.]{7,15}\]?) (?:were ?n['’]?t|was ?n['’]?t|not)|not accepted from (?:this|your) ip|\bUCE\b|\bUBE\b|bulk mail(?! ?box)|junk ?mail|abus(?:e|ive)(?!@)|"
        r"(?:ip|host|server|network|client|sender|address|you)\S* (?:\[?[\d.:a-f]+\]? )?(?:is|are|has been|have been|was) (?:\w+ )?(?:blocked|banned|rejected due|denied due)|"
        r"blocked (?:by|for|due|because|using|at)|access(?: to this mail system)? (?:has been )?(?:denied|rejected) (?:due|because|by|for).{0,50}(?:ip|reputation|client)|"
        r"poor reputation|bad reputation|your (?:ip|mail server|e?-?mail).{0,30}(?:block|reject|bann)|mail from \S+ (?:is )?(?:blocked|rejected|refused)|"
        r"refused by (?:black|block)|\bbanned\b.{0,40}(?:send|ip|host)|\bS3140\b|\bS3150\b|\bOU-00[12]\b|\bTSS0\d|\bAUP#|CS01|ipcheck|\A\W*\d{3}[ -](?:[\d.]+ )?(?:mail |message )?blocked\b|"
        r"垃圾|スパム|迷惑メール|спам|нежелательн|indésirable|pourriel|correo no deseado|posta indesiderata|unerwünscht",
    ),
    _rule(
        "says_sender",
        "protocol",
        r"(?:sender|from|return[- ]path|mail from|envelope)\S*(?: address| domain| e-?mail| verify| verification)?(?: \S+){0,3} (?:rejected|refused|denied|failed|invalid|does not exist|not exist|unknown|could not be verified|couldn.t be verified|unresolvable)|"
        r"relay(?:ing)?(?: \S+){0,3} (?:denied|not (?:permitted|allowed|authori)|prohibit|refused|access)|unable to relay|(?:not|cannot|can't|won't|do not) relay|\b5\.1\.[78]\b|unresolvable (?:reverse|sender|domain)",
    ),
    _rule(
        "says_sending_limit",
        "rate_limited",
        r"(?:daily|hourly|sending|outgoing|outbound|per[- ](?:day|hour|minute))(?: \S+){0,2} (?:quota|limit)",
    ),
    _rule(
        "says_full",
        "mailbox_full",
        r"(?:mail ?box|mailfolder|inbox|account|user|recipient|storage|disk|e-?mail|maildir|mbox|directory|folder)\S*(?: \S+){0,6} (?:is |are |has |its )?(?:currently |temporarily |already )?(?:\bfull\b|over\s?quota|out of|exceed|overdrawn|too large|over (?:the |its |their |his )?(?:\w+ )?(?:limit|quota|size))",
        r"over[- ]?quota|overquota|quota[- ](?:exceed|full|violation|error|limit)|exceed\w*(?: \S+){0,6} (?:quota|storage|mailbox|allowed space|capacity|disk|disc|limit on inbox)|"
        r"quota(?: \S+){0,5} (?:exceed|reach|full|over)|mailbox_?full|mailboxfull|full mailbox|insufficient (?:system )?(?:storage|disk|quota|space)|"
        r"not enough (?:storage|disk|space|free)|no (?:more |free )?(?:space|room) (?:left|for|in)|\bno space\b|disk ?(?:quota|full|space|usage)|disc quota|"
        r"(?:mailbox|maildir|user|folder) (?:has )?(?:delivery )?size limit|too (?:many|much) (?:messages|mail) (?:in|on)|mailbox (?:size )?limit|has too many messages|"
        r"\b552[- ]5\.2\.2|\b5\.2\.2\b|\b4\.2\.2\b|has exceeded (?:its|the|his|their)|exceeded storage|allocation (?:has been )?exceeded|"
        r"storage (?:quota|limit|space|allocation)|out of (?:disk|storage|space)|ist voll|postfach.{0,30}voll|speicherplatz|quota.{0,10}überschritt|"
        r"bo[iî]te (?:aux lettres |mail |de r[eé]ception )?.{0,40}(?:pleine|satur)|quota d[eé]pass|espace (?:disque )?insuffisant|buz[oó]n.{0,40}lleno|casilla.{0,40}llena|casella.{0,30}piena|"
        r"caixa (?:postal |de correio )?.{0,30}cheia|переполнен|превышен.{0,30}(?:квот|лимит|размер)|ящик.{0,20}полон|容量(?:が|を)|いっぱい|一杯|邮箱(?:已满|空间)|信箱(?:已滿|空間)|容量不足|已满|已滿|przepe[lł]nion|schránka.{0,20}pln",
    ),
    _rule(
        "says_too_big",
        "too_big",
        r"(?:message|mail|e-?mail|letter|size|content|body|attachment)\S*(?: \S+){0,5} (?:too (?:big|large)|(?<!queue )too long|larger than|exceed\w*(?: \S+){0,5} (?:size|length|limit|maximum)|over (?:the )?(?:maximum|size))",
        r"(?:maximum|fixed|max|allowed|size) (?:\w+ ){0,3}(?:message|mail|e-?mail) size|max(?:imum)? message length|message (?:size|length) (?:limit|exceed|violat|is)|size limit|too (?:big|large) (?:a |of a )?(?:message|mail)|"
        r"\b5\.3\.4\b|\b552[- ]5\.3\.4|\b4\.3\.4\b|5\.2\.3\b|oversized|exceeds (?:the )?(?:fixed|size|maximum|max)|line too long|\bzu gro(?:ß|ss)\b|trop (?:gros|volumineux|grand)|demasiado grande|troppo grande|слишком (?:больш|велик)|サイズ|超过.{0,10}大小|过大",
    ),
    _rule(
        "says_rate",
        "rate_limited",
        r"rate[- ]?limit|throttl|too many (?:messages|connections|recipients|mails|emails|concurrent|sessions|errors|requests|invalid|unknown|bad)|too (?:fast|frequent|much mail)|"
        r"(?:sending|daily|hourly|message|receiving|connection|mail|user)\S* (?:rate|limit|quota)\S*(?: \S+){0,3} (?:exceed|reached|limit)|exceed\w*(?: \S+){0,5} (?:rate|per (?:hour|day|minute|connection)|messages|sending|connections)|"
        r"unusual rate|receiving mail at a rate|slow down|deferred due to (?:user complaints|excessive)|temporarily deferred|grey-?list|gray-?list|try (?:again )?later.{0,40}(?:grey|gray|rate)|4\.7\.28|频率|超过.{0,10}(?:频率|次数)",
    ),
    _rule(
        "says_restricted",
        "policy",
        r"\bRestrict|not (?:allowed|authori[sz]ed|permitted) to (?:send|post|write|e?-?mail)|only accept(?:s|ing)? (?:e?-?mail|messages) from|list of (?:allowed |approved )?senders|(?:white|allow|safe) ?list|approved senders",
    ),
    _rule(
        "says_moved",
        "moved",
        r"(?:has|have) moved|\bmoved to\b|has (?:been )?(?:changed|replaced)(?: \S+){0,4} (?:address|to|by)|new (?:e-?mail )?address(?: is|:)|address(?: \S+){0,3} (?:has )?changed|user (?:has )?moved|"
        r"\b5\.1\.6\b|551 .{0,40}(?:not local|try|forward)|mailbox has moved|no longer (?:at|with|employed|work)|left (?:the )?(?:company|organi[sz]ation|firm)|hat (?:das|unser) unternehmen verlassen|n'est plus (?:dans|chez|employ)|ne fait plus partie|ya no trabaja|non lavora più|neue (?:e-?mail-?)?adresse",
    ),
    _rule(
        "says_disabled",
        "disabled",
        r"(?:account|mail ?box|user|recipient|address|e-?mail|mailserver|domain)\S*(?: \S+){0,6} (?:is |was |has been |been |currently |temporarily |is currently |has been temporarily )+(?:disabled|suspended|inactiv\w*|deactivated|frozen|locked|blocked|on hold|archived|unavailable temporarily|temporarily)",
        r"\b(?:disabled|suspended|inactive|deactivated|frozen|locked|dormant|quarantined|expired|archived)(?: \S+){0,2} (?:account|mail ?box|user|recipient|address|email)|(?:account|mailbox|user|recipient|mail ?drop) (?:disabled|suspended|inactive|deactivated|frozen|locked|expired|terminated)|"
        r"account (?:is |has )?expired|disabled or discontinued|not (?:currently )?active|extended inactivity|user (?:is )?terminated|temporarily (?:disabled|inactive|suspended)|(?:account|mail ?box|user|recipient)\S*(?: \S+){0,3} temporarily unavailable|archiv(?:ée|ee)\b|invalid/inactive|out of service|\b5\.2\.1\b|\b4\.2\.1\b|"
        r"(?:konto|postfach).{0,30}(?:gesperrt|deaktiviert)|compte.{0,30}(?:désactiv|suspendu|bloqu)|cuenta.{0,30}(?:desactiv|suspendid|bloquead)|заблокирован|отключен|account non attivo|停止|冻结|凍結",
    ),
    _rule(
        "says_host_not_now",
        "temporary",
        r"(?:not found|name ?server|lookup|resolv\w*|dns)\W.{0,40}try again|try again.{0,20}(?:host|dns|lookup)|temporary (?:dns|lookup|name|resolution|failure in name)|dns (?:server )?(?:timeout|servfail|temporary)|servfail",
    ),
    _rule(
        "says_host_unknown",
        "domain_unknown",
        r"host (?:or domain )?name not found(?!.{0,20}try again)|(?:couldn['’]t|could not|cannot|can't) find (?:any |a )?(?:host|domain|mx)|null ?mx|domain\S*(?: \S+){0,3} (?:does(?: not|n['’]t) (?:exist|accept)|not found|unknown|could ?n[o'’]t be found)|"
        r"(?:unknown|no such|unrouteable|invalid) (?:mail )?(?:domain|host)\b|destination system address|host unknown|\bNXDOMAIN\b|does not accept (?:any )?(?:e?-?mail)\b",
    ),
    _rule(
        "says_address_unknown",
        "address_unknown",
        r"(?:unknown|no such|non-?exist\w*|invalid|undeliverable|bad|illegal|incorrect|unrecogni[sz]ed|undefined|not a valid|inexistent|unrouteable|unroutable|nonlocal|wrong|not a known|no valid|unreachable)(?: \S+){0,3} (?:user|address|mail ?box|recipient|account|local part|local-part|alias|customer|subscriber|person|addressee|destination|mail ?drop|e-?mail|forward-?path|userid|login|member|name|virtual)",
        r"(?:user|address|mail ?box|recipient|account|addressee|alias|mailname|local part|e-?mail|name|person|customer|subscriber|member|destination|login|userid|mail ?drop|relay recipient)\S*(?: \S+){0,5} (?:unknown|not (?:be )?(?:found|known|exist|listed|valid|recogni[sz]ed|present|here|a valid|available|local|accepted here|registered|defined|in (?:our|the|my|local|system)|on (?:this|our|the))|does(?:n['`´’]?t| not| nto) (?:exist|have|match|appear|seem)|do(?:n['`’]t| not) exist|dose not exist|invalid|non-?exist\w*|undeliverable|rejected: (?:undeliverable|unknown|access denied|invalid|user)|unavailable|is not a|not exist|isn['`’]?t|no longer|never existed|cannot be found|could not be found|couldn['’]t be found|wasn['’]t found|was not found|has been (?:removed|deleted|closed|cancel)|(?:is )?closed|deleted|removed|cancell?ed)",
        r"user ?unknown|unknown ?user|unknownuser|nosuchuser|no such (?:user|mailbox|address|person|recipient|account|local|name|email|customer)|user not (?:found|known|exist)|\bno mailbox\b|there (?:is|was) no (?:such |one |user|mailbox|account)|there is no .{0,30}(?:user|mailbox|account|person)|no (?:user|one|body|account|mailbox|person|recipient|match\w*|alias|account)(?: \S+){0,4} (?:by|here|found|with|named|at|called|name|exists|match)|"
        r"not (?:our|a|one of our|a valid|a known|a local|an existing|in our|found in|listed in|have an?)(?: \S+){0,3} (?:customer|user|account|mailbox|recipient|address|e?-?mail|list|director|subscriber|email)|(?:does|do) not have an? .{0,40}account|doesn['’]t have an? .{0,40}account|"
        r"this (?:user|account|address|mailbox|e-?mail\s*address|recipient) (?:does ?n|is not|isn|no longer|has been (?:closed|deleted|removed|discontinued|cancel))|mailbox (?:not found|unavailable|does not|doesn|unknown|invalid|not exist)|recipient(?:\S+)? (?:unknown|not found|address unknown|not on|not exist|invalid|does not|is not|no longer)|"
        r"address (?:does not exist|unknown|not (?:found|exist|known)|invalid|error)|addressee unknown|addressee not|account (?:does ?n|not found|unavailable|unknown|closed|not exist)|no longer (?:on server|in use|available|valid|active|accept\w*|exist\w*|here|monitored|have|a valid|a customer|a subscriber)|"
        r"\bunrouteable address\b|unroutable address|can(?:no|['’])t (?:find|locate)(?: \S+){0,4} (?:user|mailbox|recipient|account|person)|unable to (?:find|locate|verify)(?: \S+){0,4} (?:user|mailbox|recipient|account|address)|(?:is|are) not (?:a )?(?:known|valid|local|registered)|not listed in (?:domino|public|name)|(?:domino|public|name & address|public name) (?:directory|book|and address)|no match(?:es)?(?: for| to| in| found)|not a valid (?:recipient|mailbox|user)|RecipNotFound|RecipientNotFound|ADR[._]Recip|\b5\.1\.(?:1|10|11)\b|\bUserUnknown\b|x\.400 address|could not be delivered because .{0,60}(?:not|doesn)|sorry,? (?:no|i couldn't find|the address)|BAD-?ADDRESS|invalid user|mail ?box (?:is )?(?:not|un)|"
        r"unbekannt|existiert nicht|nicht (?:bekannt|gefunden|vorhanden|existier)|kein (?:benutzer|postfach|empfänger|konto)|inconnue?\b|n['’]existe p(?:as|lus)|pas de (?:boîte|compte|destinataire)|introuvable|inexistante?\b|desconocid|no existe|no se (?:encontr|ha encontrado)|inexistente|sconosciut|non esiste|non (?:è stato )?trovat|desconhecid|não existe|nao existe|não (?:foi )?encontrad|onbekend|bestaat niet|okänd|finns inte|ukendt|tuntematon|nieznan|nie istnieje|neexist|neznám|ismeretlen|неизвестн|не существует|не найден|нет такого|такого пользователя|отсутству|存在しない|存在しません|見つかりません|不明な|不存在|找不到|无此|没有这个|無此|존재하지",
    ),
    _rule(
        "says_domain_unknown",
        "domain_unknown",
        r"(?:host|domain|mail ?host|server|name)\S*(?: \S+){0,5} (?:unknown|not (?:be )?(?:found|exist|known|resolv\w*|valid|a valid)|does(?:n['’]t| not) exist|couldn['’]t be found|not found|invalid|no longer exists|could not be (?:found|resolved))|unknown (?:host|domain|mail ?host|server|destination domain)|"
        r"(?:no such|unrouteable|unroutable|illegal|invalid|bad|nonexistent|non-existent|undefined) (?:mail )?(?:host|domain)|hostunknown|host unknown|\bNXDOMAIN\b|DNS (?:error|type|lookup).{0,60}(?:NXDOMAIN|not found|no such|does not exist|responded with|had no relevant|lookup of)|"
        r"unable to (?:resolve|look ?up|find|route)(?: \S+){0,4} (?:host|domain|mx|mail ?server|destination)|couldn['’]t find any host|no (?:mail server|mx|dns|host|route|valid hosts?|relevant|mail exchang\w*|a record)(?: \S+){0,3} (?:found|record|exist|known|for|answers?)|name or service not known|null mx|\b5\.1\.2\b|5\.1\.10\b.{0,30}null|\b556\b|does not accept (?:e?-?mail|any mail)|accepts? no (?:e?-?mail|mail)|do(?:es)? not receive (?:e?-?mail|mail)|\b521\b|(?:domain|host)\S* (?:isn['’]t|is not) (?:in|a valid|hosted|served|handled|set up|local)|not (?:a )?(?:local|hosted|valid|known) (?:domain|host)|domain (?:has|was|is) (?:expired|removed|closed|been)|allowed rcpthosts|"
        r"domain.{0,30}(?:unbekannt|nicht gefunden|existiert nicht)|domaine (?:inconnu|introuvable|.{0,20}n['’]existe)|dominio (?:desconocid|.{0,20}no existe|.{0,20}non esiste|inesistente)|домен.{0,20}не (?:найден|существ)|域名|主机",
    ),
    _rule(
        "says_expired",
        "temporary",
        r"(?:message|delivery time|mail)(?: \S+){0,2} expired|queue\.expired",
    ),
    _rule(
        "says_policy",
        "policy",
        r"polic(?:y|ies)|content (?:reject|filter|restrict|not|scan|refus|violat)|(?:message|mail|content|attachment|file|url|link|header)\S*(?: \S+){0,4} (?:rejected|refused|denied|filtered|not (?:allowed|accepted|permitted)|prohibited|forbidden|blocked|quarantin|discarded|contain\w*)|"
        r"virus|malware|infect|suspicious|phish|attachment|prohibited|forbidden|not (?:allowed|permitted|authori[sz]ed|accept\w*)|only accept|refus(?:ed|es|al)|reject(?:ed|s)|declin|access(?: \w+)? denied|permission|administratively|admin\w* prohibit|prohibit|restrict|local (?:configuration|policy)|transaction failed|recipient (?:preferences|filter)|blocked|firewall|\b5\.7\.\d+\b|5\.6\.\d+\b|violat|message content|unacceptable|interdit|verweigert|abgelehnt|refusé|rechazad|rifiutat|отклонен|запрещ|拒否|拒绝|拒收|拒絕",
    ),
    _rule(
        "says_protocol",
        "protocol",
        r"relay(?:ing)?(?: \S+){0,3} (?:denied|not (?:permitted|allowed)|prohibit|refused|access)|unable to relay|(?:not|cannot|can't|won't) relay|no relay|we do not relay|bad (?:command|sequence|syntax|helo)|syntax error|command (?:not|un)\w*|not implemented|unrecogni[sz]ed command|protocol (?:error|violation)|invalid (?:helo|ehlo|command|header|sender)|need (?:fully|fqdn)|(?:mail|routing|forward\w*) loop|too many (?:hops|received)|hop ?count|loops? (?:back|detected)|message looping|sender (?:address|domain|verify|rejected|unknown)|invalid return path|8-?bit|smtputf8|character set|local configuration error|mailer (?:error|mailbox)|service unavailable; client|"
        r"\b5\.[456]\.\d+\b",
    ),
    _rule(
        "says_temporary",
        "temporary",
        r"time[d-]? ?out|temporar|try(?: again)? later|delay|defer|connection (?:refused|reset|closed|lost|timed|died|drop|abort|broken|error)|refused connection|lost connection|could not (?:connect|be (?:delivered|sent) (?:for|within|after|in))|unable to connect|cannot connect|can't connect|(?:host|network|server|mail ?server)\S* (?:is |was )?(?:currently |temporarily )?(?:unreachable|down|busy|not (?:respond|available|accepting)|unavailable)|no route to host|retry time|retry timeout|queue (?:lifetime|too long|time)|too long|expired|not been (?:delivered|sent)|could not be delivered for|undelivered (?:for|after)|been in the queue|in (?:the |our )?queue|gave up|given up|service (?:temporarily |is )?(?:not available|unavailable)|system (?:not|error|busy|problem)|internal (?:error|server)|local error|local problem|i/o error|resources? temporarily|dns.{0,30}(?:fail|error|temporar)|name ?server|still (?:trying|being)|will (?:be retried|continue|keep|retry)|not yet been|no answer from host|operation timed|congest|maintenance|"
        r"vorübergehend|verzöger|zeitüberschreitung|temporair|délai|réessay|temporal|reintent|temporane|временн|一時|暂时|延迟",
    ),
)

# Lines of one reply ("550-5.1.1 The email account" / "550 5.1.1 does not exist") are one sentence.
_CONTINUED = re.compile(r"\n[ \t]*[245]\d\d-(?:[245]\.\d+\.\d+[- ])?")
_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[\w.-]+")
_URL = re.compile(r"https?://([\w.-]+)\S*")  # who is asked to explain tells something, the path nothing
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?:\A|[\s:;(\"'<\[#-])([245]\d\d)(?=[\s:;,.)\"'#-]|\Z)")


Step = Literal["", "rcpt", "data"]
"""The command that the refusal answered, where that is known."""


def diagnose(status: str, text: str, *, action: str = "", step: str = "") -> Diagnosis:
    """The cause from an enhanced status ("5.1.1", may be ""), the server's words, the RFC 3464 action, and the
    command they answered ("rcpt", "data"; "" where only the words may tell it)."""
    return _diagnose(status.strip(), _plain(text), action.strip().lower(), step or step_of(text))


@lru_cache(maxsize=2048)
def _diagnose(status: str, text: str, action: str, step: str) -> Diagnosis:
    found = _by_code_and_words(status, text, action)
    if found.is_hard and found.cause == "address_unknown" and (doubt := _doubt(status, text, step)):
        return Diagnosis(found.cause, False, f"{found.rule}_{doubt}")
    return found


_DECIDED = {
    "status_code": "the status code (RFC 3463), as the words say less",
    "service_says_permanent": "the mail service's own verdict, as the server's words say nothing",
    "service_says_blocked": "the mail service, which calls it a block",
    "service_did_not_try": "the mail service, which did not even try",
    "nothing_told": "nothing: neither words nor code tell a reason",
}
_DOUBTS = {
    "_for_now": "but only for now, as the reply or its code is a temporary one",
    "_after_data": "but only after the letter's content was seen: some servers say so of people who live there",
    "_mistaken_before": "but these very words were told of living mailboxes before",
    "_at_no_known_step": "but nothing shows that it answered the recipient's address",
    "_elsewhere": "but of another address than ours: the letter was forwarded",
}


def explain(rule: str) -> str:
    """The rule that decided, in words for people."""
    doubts = [(name, words) for name, words in _DOUBTS.items() if rule.endswith(name)]
    for name, words in doubts:
        return f"{explain(rule.removesuffix(name))}, {words}"
    said = next((cause for name, cause, _ in _RULES if name == rule), "")
    if said:
        return f"the server's words, which say: {CAUSES[said]}"
    return _DECIDED.get(rule, rule.replace("_", " "))


_AT_RCPT = re.compile(
    r"(?:reply|response|reaction|answer)(?: to)?(?: the)? rcpt|\bafter (?:an? )?(?:\w+ )?rcpt|\brcpt[ _]?to\b|smtp:rcpt|does not like recipient|"
    r"recipient address rejected|\bneed rcpt|no valid recipient|no recipients? (?:given|specified|accepted)|\bvrfy\b",
    re.IGNORECASE,
)
_AFTER_DATA = re.compile(
    r"(?:reply|response|answer)(?: to)?(?: the)? (?:end of )?data\b|\bafter (?:the )?(?:end of )?(?:sending )?(?:the )?data\b|\bend of data\b|data command|"
    r">>> ?data\b|\[data\]|smtp:data|delivery error: dd",
    re.IGNORECASE,
)
_MISTAKEN = re.compile(r"user does ?n['’]?t have an? (?:\S+ account|\S*\Z)", re.IGNORECASE)
_PROVEN = re.compile(r"(?<![\d.])5\.1\.(?!(?:5|7|8|9)(?!\d))\d{1,3}(?![\d.])")


def step_of(text: str) -> Step:
    """Which command the words say they answered: RCPT, the content (DATA), or nothing of the kind."""
    if _AT_RCPT.search(text):
        return "rcpt"
    return "data" if _AFTER_DATA.search(text) else ""


def _doubt(status: str, text: str, step: str) -> str:
    """Why words like "user unknown" are no proof yet; "" if they are (see the module's beginning)."""
    if _PROVEN.search(f"{status} {text}") or step == "rcpt":
        return ""
    if step == "data":
        return "after_data"
    if _MISTAKEN.search(text):
        return "mistaken_before"
    return "at_no_known_step" if _REPLY.search(text) else ""


def _by_code_and_words(status: str, text: str, action: str) -> Diagnosis:
    code = status if _STATUS.fullmatch(status) else status_of(text)
    is_temporary = code.startswith("4") or action == "delayed" or _begins_temporary(text)
    cause, rule = _by_words(text)
    by_code = _by_code(code)
    if cause in ("policy", "protocol", "temporary", "disabled", "undetermined") and by_code is not None:
        cause, rule = _weigh(cause, rule, by_code)
    if is_temporary:
        if cause in DEAD:  # "450 user unknown" may be a table that could not be read
            return Diagnosis("temporary", False, f"{rule}_for_now")
        return Diagnosis("temporary" if cause == "undetermined" else cause, False, rule)
    return Diagnosis(cause, cause in DEAD, rule)


def _weigh(cause: str, rule: str, by_code: str) -> tuple[str, str]:
    """Vague words against the code: a code that says more is believed, one that says less is not."""
    if cause == "undetermined" or (
        cause in ("temporary", "protocol") and by_code not in ("temporary", "policy")
    ):
        return by_code, "status_code"
    if cause == "policy" and by_code in DEAD and "policy_word" not in rule:
        return by_code, "status_code"
    return cause, rule


_CODES = {
    "1.0": "address_unknown",
    "1.1": "address_unknown",
    "1.2": "domain_unknown",
    "1.3": "address_unknown",
    "1.4": "address_unknown",
    "1.6": "moved",
    "1.7": "protocol",
    "1.8": "protocol",
    "1.10": "address_unknown",
    "1.11": "address_unknown",
    "2.0": "disabled",
    "2.1": "disabled",
    "2.2": "mailbox_full",
    "2.3": "too_big",
    "2.4": "temporary",
    "3.0": "undetermined",
    "3.1": "mailbox_full",
    "3.2": "temporary",
    "3.3": "protocol",
    "3.4": "too_big",
    "3.5": "temporary",
    "4.0": "temporary",
    "4.1": "temporary",
    "4.2": "temporary",
    "4.3": "temporary",
    "4.4": "domain_unknown",
    "4.5": "temporary",
    "4.6": "protocol",
    "4.7": "temporary",
}
_SUBJECTS = {"5": "protocol", "6": "policy", "7": "policy"}


def _by_code(code: str) -> str | None:
    """What RFC 3463 lets this code mean; None if it says nothing."""
    found = _STATUS.fullmatch(code)
    if found is None:
        return None
    cause = _CODES.get(f"{found[2]}.{found[3]}") or _SUBJECTS.get(found[2])
    return None if cause == "undetermined" else cause


def _by_words(text: str) -> tuple[str, str]:
    for rule, cause, words in _RULES:
        if words.search(text):
            return cause, rule
    return "undetermined", "nothing_told"


def status_of(text: str) -> str:
    """The first enhanced status in the words, else one made of the SMTP reply code; "" if there is none."""
    found = _STATUS.search(text)
    if found:
        return found[0]
    reply = _REPLY.search(text)
    return _OF_REPLY.get(reply[1], f"{reply[1][0]}.0.0") if reply else ""


_OF_REPLY = {"552": "5.2.2", "551": "5.1.6", "556": "5.1.10", "452": "4.3.1", "422": "4.2.2", "550": "5.0.0"}


def _begins_temporary(text: str) -> bool:
    """A reply code 4xx without an enhanced one of another class."""
    found = _REPLY.search(text)
    return bool(found and found[1].startswith("4") and not _STATUS.search(text))


def _plain(text: str) -> str:
    """The words without addresses, links and line ends, as these hold words of their own ("spam@…")."""
    text = _URL.sub(r" \1 ", text[:3_000])
    text = _CONTINUED.sub(" ", text)
    return re.sub(r"\s+", " ", _ADDRESS.sub("◇", text)).strip()
