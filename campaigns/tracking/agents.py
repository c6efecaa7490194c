"""Who a user agent says it is: a person's program, a machine, or a proxy that fetches for somebody. Pure.

Not a list of known robots, which is old on the day it is written: a grammar of what browsers and mail programs
call themselves. A string is a person's if it has their shape (a platform in the first comment, an engine, no
address and no machine's word anywhere) or names a known mail program; everything else is a machine. Scanners
that send the string of a plain browser are found by what they do (`judge`), never here.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Who = Literal["human", "machine", "proxied"]

TABLE_VERSION = 1
"""Raised whenever a pattern below changes; part of a rule set, so that old figures can be had again."""


@dataclass(frozen=True, slots=True)
class Agent:
    """What a user agent tells: `who` fetches a picture, and the word for why."""

    who: Who
    reason: str

    @property
    def who_clicks(self) -> Who:
        """A proxy looks at pictures for people; a link that it follows, nobody has clicked."""
        return "machine" if self.who == "proxied" else self.who


# Apple's Mail Privacy Protection sends exactly this, for every picture of every mail, whether looked at or not.
_APPLE_PRIVACY = re.compile(r"Mozilla/5\.0\s*\Z")

# Providers that fetch pictures when somebody looks (or ahead of it): weak proof of an open.
_PROXIES = re.compile(
    r"GoogleImageProxy|ggpht\.com|Edge/12\.246 Mozilla/5\.0\Z|YahooMailProxy|\bFastmail\w*/|Shortwave Image|"
    r"\b(?:Superhuman|HEY|ProtonMail|Proton|Mailru|Yandex|Outlook|Zoho|GMX|Hey)[-_ ]?(?:Mail)?[-_ ]?Image ?(?:Proxy|Fetcher)|"
    r"\bDuckDuckGo[- ]?Email|\bSpark(?:Mail)?[- ]?(?:Image)?[- ]?Proxy",
    re.IGNORECASE,
)

# Mail programs whose names have no browser's shape.
_MAIL_PROGRAMS = re.compile(
    r"\A(?:Mozilla/4\.0 \(compatible; ms-office|Microsoft Office/|Microsoft Office Outlook|Microsoft Outlook|Outlook-(?:Express|iOS|Android)|Outlook/|"
    r"MSOffice|Microsoft-MacOutlook|MacOutlook/|The Bat!|Barca|Eudora|Evolution/|KMail/|Kontact/|Postbox/|Airmail|"
    r"Apple ?Mail/|Mail/\d[\d.]* CFNetwork|MobileMail|Lotus[- ]Notes|IBM Notes|Sylpheed|Claws[- ]Mail|Pegasus|"
    r"(?:Aqua|Blue|Canary|Edison|Fair|Naver|Proton|Zoho|QQ|Coremail|K-9|my|Poly|docomo|Mobile|Net ?Ease|Daum) ?-?E?mail\b|"
    r"MailMaster|Missive|Superhuman/|Tutanota|FairEmail|Nine/\d|Gmail/|MailRu|"
    r"Foxmail|PocoMail|Incredimail|Becky!|Mailbird|Mailspring|eM ?Client|Spark/|Newton/|K-9|Thunderbird|"
    r"[\w%.-]*(?:Mail|Outlook|Safari|Inbox|Post)[\w%. -]*/[\d.]+ CFNetwork/[\d.]+ Darwin/|Spark/[\d.]+ CFNetwork|"
    r"Yahoo ?Mobile\w*/[\d.]+ \(|YahooMail/|GMX|WEB\.DE|Zimbra|SeaMonkey|Windows-Live-Mail|WindowsLiveMail)",
    re.IGNORECASE,
)
_NOTES = re.compile(r"\A[^()]*\((?:compatible; )?Lotus-?Notes", re.IGNORECASE)

# Phones of before 2012 and television sets: maker and model first, then the browser built into it.
_OLD_PHONES = re.compile(
    r"\A(?:Nokia|SonyEricsson|BlackBerry|SAMSUNG|SEC-|SGH-|LGE?[-/]|MOT-|HTC|ZTE|Huawei|Alcatel|SAGEM|SIE-|PHILIPS|"
    r"PANTECH|KDDI-|DoCoMo/|J-PHONE|SoftBank|Vodafone|Palm|NEC-|Sharp|TCL|Lenovo|Spice|Micromax|KYOCERA|QC-)"
    r"[^()]*(?:Profile/MIDP|UP\.Browser|Configuration/CLDC|Series ?\d0|Browser|Obigo|NetFront|WAP|FOMA|\Z)|"
    r"\ADoCoMo/\d\.\d[/ ][\w+-]+|\A[\w/.-]+ Mozilla/4\.0 \(compatible; MSIE \d[^()]*(?:Windows CE|PalmSource|IEMobile)|"
    r"\bUP\.Browser/|\bOpera Mini/|\bUCWEB/?|\bUCBrowser/?|\bNetFront/|\bObigo|\bProfile/MIDP",
    re.IGNORECASE,
)

# The first comment of a browser names where it runs.
_PLATFORM = re.compile(
    r"Windows|Win(?:9[58]|NT|32)|\bDTV\b|NetCast|HbbTV|BRAVIA|VIERA|AQUOS|Macintosh|Mac OS|Mac_PowerPC|PPC|iPhone|iPad|iPod|Android|Linux|X11|CrOS|Ubuntu|"
    r"Fedora|Debian|FreeBSD|OpenBSD|NetBSD|DragonFly|SunOS|OS/2|AIX|HP-UX|IRIX|BeOS|Haiku|AmigaOS|Syllable|"
    r"BlackBerry|BB10|PlayBook|RIM Tablet|Symb(?:ian|OS)|Series ?\d0|S60|Nokia|MeeGo|Maemo|Tizen|Bada|SMART-TV|"
    r"SmartTV|Web0S|webOS|hpwOS|KAIOS|Mobile|Tablet|PLAYSTATION|PlayStation|PSP|Nintendo|Xbox|Kindle|Sailfish|"
    r"Fuchsia|HarmonyOS|OpenHarmony|VisionOS|AppleTV|Roku|\bTV\b|MorphOS|RISC OS|Darwin|U; en|"
    r"J2ME|Wayland",
    re.IGNORECASE,
)
_ENGINE = re.compile(
    r"AppleWebKit|\bGecko\b|Trident|Presto|KHTML|MSIE|NetFront|Goanna|Servo|Blink|Edge/", re.I
)
_OLD_BROWSER = re.compile(
    r"\bMSIE \d|Konqueror|\bOpera[ /]|OmniWeb|iCab|NetSurf|Dillo|Links|\bElinks|ELinks|w3m|Lynx|Netscape|"
    r"Camino|Galeon|Epiphany|WebTV|AOL|Nintendo|PLAYSTATION|PlayStation|\bPSP\b",
)
_TEXT_BROWSERS = re.compile(
    r"\A(?:Opera/\d|Lynx/\d|w3m/\d|E?Links(?:/| \()|ELinks|Dillo/\d|NetSurf/\d|iCab|Emacs-w3m|Konqueror/|Doris/|"
    r"ICE Browser|amaya/|Mosaic|NCSA_Mosaic|OffByOne|HotJava|WorldWideweb|retawq|IBrowse|AWeb|Voyager|Amiga|Bunjalloo/|Mozilla/\d\.\d WebTV/|"
    # Netscape up to 4: its language in brackets, or a letter for the strength of its cipher (U, I, N)
    r"Mozilla/[1-4]\.\d+ (?:\[[\w-]+\] \(|\((?:Macintosh|Win\w+|X11|OS/2); [UIN]\b))",
    re.IGNORECASE,
)

# A program that gives an address where its owner can be reached is no browser.
_ADDRESS = re.compile(
    r"https?[:/]|https?\b|www\.|\bhttp\s|[\w.+-]+@[\w-]+\.[a-z]{2,}|\b(?=[\d-]*[a-z])[\w-]+\.(?:com|net|org|info|biz|io|ai|app|dev|co|"
    r"me|eu|us|uk|de|fr|nl|be|ch|at|it|es|pl|cz|se|no|dk|fi|ru|jp|cn|kr|in|br|ca|au|cloud|tech|xyz|online|site|"
    r"page|tv|gg|so|sh|to|cc|edu|gov|mil|int|academy|agency|network|systems|solutions|services|tools|software)"
    r"(?=[/\s)\];,:]|\Z)| (?:\(|\[|\{)?at(?:\)|\]|\})? [\w-]+ (?:\(|\[)?dot|contact[: ]|abuse@|\bappid\b",
    re.IGNORECASE,
)
# Names of apps in people's strings that look like an address (reverse domain names).
_REVERSED = re.compile(
    r"\b(?:com|org|net|jp|de|ru|cn|co|io|me|fr)(?:\.\w[\w-]*)+(?:/|\b)|\b[\w-]+\.(?:in|at|be|so|me|co|us|it)[/ ][\d.]+",
    re.IGNORECASE,
)

# Words by which machines name themselves. Whole or at the end of a name: "CUBOT" and "Robothon" are phones.
_WORDS = re.compile(
    r"(?<![a-z])(?:ro|ku)?bots?(?![a-z])|(?<!cu)bot(?:[/_;:,)\]\s-]|\Z|\d)|bots?\b(?<!cubot)|\brobot|"
    r"crawl|spider|spyder|slurp|scan(?!dinavia)|scrap(?:er|y|ing)|harvest|fetch|grab(?:ber)?\b|sniff|probe|probing|"
    r"preview|unfurl|onebox|embed|thumb(?:nail|or)|snapshot|screenshot|screencap|favicon|\bicon|"
    r"monitor|uptime|pingdom|\bping(?:er)?\b|watchdog|health|heartbeat|status ?cake|"
    r"check(?:er|s|link)?(?=[/_;:,)\]\s\d.-]|\Z)|sitecheck|valid(?:ator|ation|ate|ity)|verif(?:y|ier|ication)|lint(?:er)?\b|"
    r"inspect|analy[sz]|audit|survey|census|research|detect|discover|explor(?:er)?bot|"
    r"index(?:er|ing)|archiv|wayback|heritrix|aggregat|feed(?!back)|\brss\b|\batom\b|podcast|newsreader|"
    r"search(?! ?bar| ?toolbar)|seo\b|seo[/ -]|rank(?!us)|backlink|link(?:s)?[-_ ]?(?:check|walker|dex|sleuth|valid|saver|parser|expander)|"
    r"parser|reader/|translat|convert|transcod|render|prerender|optimi[sz]er|accelerator|"
    r"proxy|gateway|imgproxy|cdn|cache|mirror|download|import|sync\b|syndicat|"
    r"agent(?![/ ]?desktop)|assistant|\bgpt|llm|openai|anthropic|claude|perplexity|mistral|gemini-|copilot|\bai[-_/ ]|[-_]ai\b|"
    r"headless|wkhtml|phantom|selenium|webdriver|puppeteer|playwright|cypress|slimer|casper|lighthouse|pagespeed|gtmetrix|webpagetest|"
    r"secur(?:ity|e[-_ ]?mail|ebrows)|safe(?:browsing|search|dns|links)|google-safety|virus|malware|phish|threat|sandbox|"
    r"firewall|protect|defen[cs]e|guard(?:ian)?\b|barracuda|mimecast|proofpoint|fireeye|trendmicro|symantec|kaspersky|"
    r"forcepoint|ironport|sophos|netcraft|qualys|nessus|nikto|nmap|acunetix|burp|\bzap\b|sqlmap|wpscan|masscan|zgrab|"
    r"recon|pentest|vulnerab|osint|shodan|censys|csirt|\bcert\b|"
    r"whatsapp/|telegram|discord|slack(?!ware)|mattermost|skypeuri|facebookexternalhit|facebookcatalog|metaiab|"
    r"meta-external|google-[a-z]|google(?:other|docs|producer)|bingpreview|yandex(?!search|browser/)[a-z]+/|adsense|"
    r"pinterest(?=/0|\.com)|linkedin(?!app)|twitter(?!\s?for)(?=bot)|tweet|flipboard|hatena|naver(?!\(|.{0,3}inapp)(?=bot|japan)|"
    r"\btest(?:er|ing)?\b|load ?test|\btest[A-Z]|\bPTST\b|benchmark|synthetic|catchpoint|datadog|newrelic|dynatrace|site24x7|nagios|zabbix|"
    r"curl|wget|libwww|lwp|perl|python|urllib|requests/|aiohttp|httpx|ruby|faraday|typhoeus|\bphp|guzzle|symfony|"
    r"\bjava/|\bjava\b|httpclient|http[-_ ]?client|okhttp|jersey|netty|apache-|jakarta|axios|node(?:\.?js|-)|undici|"
    r"\bgot\b|superagent|deno|\bbun/|go-http|golang|\bgo \d|rust|reqwest|hyper/|\.net|dotnet|winhttp|wininet|urlgrabber|"
    r"httrack|teleport|webcopier|offline ?explorer|webzip|getright|wordpress|drupal|joomla|moodle|nutch|solr|lucene|"
    r"larbin|dataprovider|ltx71|genieo|ad[-_ ]?verif|trustpilot|similarweb|semrush|ahrefs|moz(?:\.com|bot)|majestic|"
    r"\bhttp(?:/|unit|s?get|rb\b|ie/)|lib(?:http|curl|web)|webhook|daemon\b|engine\b(?<!presto engine)(?<!search engine)|"
    r"automat|script|\bapi[-/ ]|\bsdk\b|whatweb|lookup|locator|collector|tracker|resolver|extractor|generator|"
    r"loader\b|miner\b|catalog|directory|library|bookmark|wallet|capture|observ|classif|categori|compliance|consent|cookie|"
    r"\bquery|\bdump|\bdig\b|\bseek|\bhunt|\bworm|ferret|\bants?\b|beetle|\bbee\b|siteimprove|sitecon|newspaper",
    re.IGNORECASE,
)
# People's own words that hold one of those above.
_SPARED = re.compile(
    r"CUBOT[\w +-]*|(?<=Android )[\d.]+;(?: [a-z]{2}-[a-zA-Z]{2};)? [^;()/]+(?=Build/|[;)])|QtWebEngine/[\d.]+|libwww-FM/[\w.]+|\.NET(?:4\.0[CE]| CLR [\d.]+| Client [\w ]+)?|Bluebot-?phone|SearchToolbar[\w./ ]*|SIMBAR=[{}\w-]*|"
    r"Media Center PC [\d.]+|InfoPath\.\d|MS-RTC LM \d|Google(?:Toolbar|T5)[\w./ ]*|"
    r"Avant Browser|FunWebProducts|iOpus-I-M|Yandex(?:Search|Browser)[\w./-]*|GoogleApp|GSA/[\d.]+|"
    r"Safari Line/[\d.]+|Slackware|CoolNovo|UCBrowser[\w./ ]*|Link ?Aja|SLCC\d|Tablet PC [\d.]+|"
    r"like Gecko|WebAppManager|Bookmarks?/[\d.]+|Java/(?:Jbed|ASVM)[\w./]*|\(Java; U; MIDP|JavaPlatform|J2ME/MIDP|Profile/MIDP[\w.-]*|"
    r"Puffin/[\w.]+|LinkedInApp|Pinterest for \w+|Twitter for \w+|\[Pinterest/\w+\]|Instagram [\d.]+|"
    r"DuckDuckGo/[\d.]+|DDG/[\d.]+|Ecosia [\w@.]+|Avast(?:SecureBrowser)?/[\d.]+|AVG/[\d.]+|Norton/[\d.]+|CCleaner/[\d.]+|"
    r"SecureBrowser/[\d.]+|Safe ?Exam ?Browser[\w./]*|AdGuard[\w./]*|(?<=; )Trident/[\d.]+|"
    r"Nokia[\w./-]+|Build/[\w./-]+|AppleWebKit/[\w.+]+|rv:[\w.]+|Language/[\w-]+|Version/[\w.]+",
    re.IGNORECASE,
)
_BROWSER_SHAPE = re.compile(
    r"\AMozilla/\d\.\d+\s*\[?[\w-]*\]?\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)(.*)\Z", re.DOTALL
)
_COMPATIBLE = re.compile(r"\bcompatible\b", re.IGNORECASE)
_NAMED_BROWSER = re.compile(
    r"\b(?:Chrome|Chromium|CriOS|Firefox|FxiOS|Safari|Version|Mobile|Edge?A?|EdgiOS|OPR|OPiOS|OPT|Opera|Vivaldi|"
    r"SamsungBrowser|Thunderbird|Seamonkey|SeaMonkey|Iceweasel|IceCat|PaleMoon|Waterfox|Minefield|Camino|Epiphany|"
    r"Konqueror|Galeon|K-Meleon|Netscape|Navigator|Silk|Focus|Klar|Brave|Whale|YaBrowser|UCBrowser|MQQBrowser)\b",
)
_LEFTOVER = re.compile(r"[;|]\s*[A-Za-z]")
# What apps append about themselves, in brackets or (some messengers) in several words of their own.
_APPENDED = re.compile(
    r"\[(?:FB|Pinterest|LinkedIn)[^\]]*(?:\]|\Z)|\b(?:wxwork|MicroMessenger|\w*Wechat|WeMail|MailPlugin|XWEB|NetType|bdapp|"
    r"baiduboxapp|SP-engine|T7|Alipay\w*|AliApp|DingTalk(?!Bot)|Weibo|QQ\w*|MQQBrowser|Line|KAKAOTALK|Snapchat|"
    r"Instagram|BytedanceWebview|musical_ly|TikTok|trill|Viber|Zalo|NAVER|DaumApps|KakaoStory|Whale|OneOutlook|MailPlugin)(?:[/ ][\w.%-]*)?(?:\([^)]*\))?.*\Z",
    re.DOTALL,
)
# A bare word after a desktop browser's last token: browsers give a version, those who borrow their string do not.
_PRODUCT = re.compile(r"\A(?!Opera|Trident|like|Netscape|Firefox|AOL|Maxthon)[A-Z][\w-]+/\d")
_DESKTOP = re.compile(r"Windows NT|Macintosh|X11")
_BARE = re.compile(r"(?:Safari|Firefox|Chrome|Edge?|OPR)/[\w.+]+\s+(?:\S+\s+)*?[A-Z][A-Za-z-]{3,}\Z")
_KNOWN_BARE = re.compile(
    r"(?:Mobile|Safari|Gecko|Fedora|Ubuntu|Debian|Gentoo|Lightning|Edition|(?i:browser))\Z"
)
_LINUX_DESKTOP = re.compile(
    r"X11;.*(?:x86_64|i[3-6]86)"
)  # on ARM: televisions, cars, sticks with names of their own
# Nobody's own browser of Chrome's kind on a Linux desktop, where robots live, carries a product besides these.
_LINUX_PRODUCTS = re.compile(
    r"\A(?:AppleWebKit|Chrome|Chromium|Safari|Version|Ubuntu|Debian|Fedora|OPR|Opera|Vivaldi|Edge?|Brave|YaBrowser|"
    r"Yowser|Whale|Iron|SRWare|CoolNovo|RockMelt|Maxthon|UCBrowser|Sleipnir|Puffin|Silk|SamsungBrowser|Falkon|QupZilla|"
    r"Otter|[Qq]utebrowser|QtWebEngine|Konqueror|KMail|Kontact|Dooble|Thorium|CrKey|DeviceInfo|Oculus\w*|VR|TV|NETTV|"
    r"SMART-TV|LG|Mobile|Electron|Steam\w*|Valve|GOG\w*|Slack|Teams|Discord|Mailspring|Snap|Ddg|DuckDuckGo|Kindle|"
    r"Raspbian|Maemo|Cr[A-Z]\w*)\Z"
)


@lru_cache(maxsize=4096)
def read_agent(text: str) -> Agent:
    """What this user agent (at most 400 characters of it) says of whoever sent it."""
    text = text.strip()[:400]
    if not text:
        return Agent("machine", "no_agent")
    if _APPLE_PRIVACY.match(text):
        return Agent("proxied", "apple_privacy")
    if _PROXIES.search(text):
        return Agent("proxied", "image_proxy")
    plain = _SPARED.sub(" ", _APPENDED.sub(" ", text))
    if _ADDRESS.search(_REVERSED.sub(" ", plain)):
        return Agent("machine", "agent_address")
    if _MAIL_PROGRAMS.match(text) or _NOTES.match(text):
        return Agent("human", "mail_program")
    if _WORDS.search(plain):
        return Agent("machine", "agent_word")
    if _TEXT_BROWSERS.match(text) or _OLD_PHONES.search(text):
        return Agent("human", "browser")
    return _shape(text)


def _shape(text: str) -> Agent:
    """Whether the string is built as browsers build theirs."""
    parts = _BROWSER_SHAPE.match(text)
    if parts is None:
        return Agent("machine", "agent_shape")
    comment, rest = parts.groups()
    # One string glued to another; the strings of PowerShell and of PhantomJS.
    if "Mozilla/" in rest or comment.startswith(("Windows NT; Windows NT", "Unknown;")):
        return Agent("machine", "agent_shape")
    is_old = bool(_OLD_BROWSER.search(text))
    if _COMPATIBLE.search(text) and not is_old:
        return Agent("machine", "agent_compatible")
    if not (_PLATFORM.search(comment) or is_old):
        return Agent("machine", "agent_platform")
    if not (_ENGINE.search(rest) or _ENGINE.search(comment) or is_old):
        return Agent("machine", "agent_engine")
    if _has_foreign_tail(comment, rest, is_old):
        return Agent("machine", "agent_tail")
    return Agent("human", "browser")


def _has_foreign_tail(comment: str, rest: str, is_old: bool) -> bool:
    """Whether something hangs on the end that no browser of that platform puts there."""
    outside = re.sub(r"\([^()]*\)|\[[^\]]*\]", "", _APPENDED.sub(" ", rest)).strip()
    if is_old:
        return bool("Windows NT" in comment and "MSIE" in comment and _PRODUCT.match(outside))
    if _LEFTOVER.search(outside):
        return True
    if _LINUX_DESKTOP.match(comment) and "Chrome/" in outside:
        products = re.findall(r"([A-Za-z][\w-]*)/[\w.]", outside)
        if any(not _LINUX_PRODUCTS.match(product) for product in products):
            return True
    return bool(_DESKTOP.search(comment) and _BARE.search(outside) and not _KNOWN_BARE.search(outside))
