"""What we say: templates and their versions; compiled once, tried out, filled per customer."""

from campaigns.content.actions import (
    archive,
    change_template,
    check_lines,
    checked,
    create_template,
    draft,
    duplicate,
    restore_version,
    save_version,
    unarchive,
)
from campaigns.content.compile import FORMATS, Compiled, compile_source, inline_css
from campaigns.content.faults import Fault, Lacking, Refused, TooMuch
from campaigns.content.filling import Filler, joined
from campaigns.content.lint import Finding, findings
from campaigns.content.model import Template, Version
from campaigns.content.preview import CLIPPED_BYTES, Shown, in_scheme, show
from campaigns.content.programmes import (
    LANGUAGES,
    Programme,
    Step,
    Words,
    get_programme,
    programmes,
)
from campaigns.content.queries import (
    get_template,
    get_version,
    list_templates,
    newest_version,
    reader_values,
    sources_used,
    version_to_send,
    versions,
)
from campaigns.content.starters import Starter, seed_starters, starters
from campaigns.content.system import SystemMail, system_mail
from campaigns.content.trial import Draft, cases
from campaigns.content.vocabulary import Family, Vocabulary, vocabulary

__all__ = [
    "CLIPPED_BYTES",
    "FORMATS",
    "LANGUAGES",
    "Compiled",
    "Draft",
    "Family",
    "Fault",
    "Filler",
    "Finding",
    "Lacking",
    "Programme",
    "Refused",
    "Shown",
    "Starter",
    "Step",
    "SystemMail",
    "Template",
    "TooMuch",
    "Version",
    "Vocabulary",
    "Words",
    "archive",
    "cases",
    "change_template",
    "check_lines",
    "checked",
    "compile_source",
    "create_template",
    "draft",
    "duplicate",
    "findings",
    "get_programme",
    "get_template",
    "get_version",
    "in_scheme",
    "inline_css",
    "joined",
    "list_templates",
    "newest_version",
    "programmes",
    "reader_values",
    "restore_version",
    "save_version",
    "seed_starters",
    "show",
    "sources_used",
    "starters",
    "system_mail",
    "unarchive",
    "version_to_send",
    "versions",
    "vocabulary",
]
