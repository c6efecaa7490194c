"""Letters filled a second, and what publishing one costs; against filling the same words with plain Jinja."""

from typing import Any

from jinja2 import Environment

from campaigns.config import Config
from campaigns.content import Draft, Filler, compile_source
from campaigns.links import Links
from tests.bench.harness import machine, report, seconds
from tests.campaigns.content.letters import OUT, body, vocabulary

LINKS_IN_IT = 15
LETTERS = 3_000


def main() -> None:
    values = vocabulary().values()
    draft = Draft(_compiled())
    links = Links(["bench"], "https://liaison.example")
    filler = Filler(draft, config=Config(), links=links)
    token = links.token(1, 1)
    size = len("".join(filler.html(values, is_tracked=True, token=token)))

    def fill() -> None:
        for _ in range(LETTERS):
            filler.subject(values)
            filler.html(values, is_tracked=True, token=token)
            filler.text(values, is_tracked=True, token=token)

    plain = Environment(autoescape=True).from_string(_source())
    own: dict[str, Any] = {**values, "links": {"unsubscribe": "x"}, "shop": {"name": "x", "site": "x"}}

    def plainly() -> None:
        for _ in range(LETTERS):
            plain.render(own)

    report(
        "fill",
        LETTERS / seconds(fill, times=3),
        "letters/s",
        reference="plain Jinja, the HTML alone, without sandbox, links or text part, letters/s",
        reference_value=LETTERS / seconds(plainly, times=3),
        conditions=f"subject, HTML ({size / 1000:.0f} KB, {LINKS_IN_IT} tracked links, one of one's own) and text; {machine()}",
    )
    report(
        "publish",
        seconds(_compiled, times=3) * 1000,
        "ms",
        reference="one fill, ms",
        reference_value=seconds(fill, times=1) / LETTERS * 1000,
        is_higher_better=False,
        conditions="layouts, markers, premailer, links, text part: once for each version",
    )


def _source() -> str:
    links = "".join(
        f'<p>Paragraph {n}, long enough to be read: <a href="https://shop.example/p/{n}">Number {n}</a></p>'
        for n in range(LINKS_IN_IT - 1)
    )
    words = f"<p>{'Words that are the same for everybody, and are. ' * 25}</p>" * 12
    own = '<p><a href="https://shop.example/?c={{ customer.number or "" }}">yours</a> {{ shop.name }}</p>'
    return body(f'<h1>Hello {{{{ customer.first_name or "you" }}}}</h1>{links}{own}{words}', out=OUT)


def _compiled() -> Any:
    return compile_source(
        _source(),
        format="html",
        subject="Hello {{ customer.first_name or 'you' }}",
        preheader="",
        language="en",
        vocabulary=vocabulary(),
    )


if __name__ == "__main__":
    main()
