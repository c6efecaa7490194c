"""The newsletter of the demonstration shop: its own words on the shipped frame, each link with its shelf."""

TEMPLATE_NAME = "The Paper Kettle, newsletter"
SUBJECT = "{{ customer.first_name or 'Hello' }}, the kettle is on"
PREHEADER = "A tea for the season, paper worth keeping, and a box to give away"

SOURCE = """{% extends "letter.mjml" %}

{% block content %}
<mj-section>
  <mj-column>
    <mj-text css-class="ink">
      <p class="kicker">From the counter</p>
      <h1>Something warm to drink, something good to write on</h1>
      <p>{% if customer.first_name %}Dear {{ customer.first_name }},{% else %}Good day,{% endif %}</p>
      <p>The first parcels of the season were opened this week, and the shop smells of bergamot and fresh paper. Here is what we would show you if you came in from the street.</p>
    </mj-text>
    <mj-button href="https://shop.example/teas/season" css-class="act">Taste the tea of the season</mj-button>
    <mj-divider></mj-divider>
  </mj-column>
</mj-section>

<mj-section>
  <mj-column width="50%" css-class="half">
    <mj-text css-class="ink" padding="0 18px 12px 0">
      <h2>On the tea shelf</h2>
      <p>Small gardens, dated pickings, and a card in each tin that says how long and how hot.</p>
      <p><a href="https://shop.example/teas" data-category="Teas">All our teas</a></p>
      <p><a href="https://shop.example/cups" data-category="Teapots and cups">Pots and cups to go with them</a></p>
    </mj-text>
  </mj-column>
  <mj-column width="50%" css-class="half">
    <mj-text css-class="ink" padding="0 0 12px">
      <h2>On the writing table</h2>
      <p>Paper that takes ink without complaint, and nibs one can try at the counter.</p>
      <p><a href="https://shop.example/notebooks" data-category="Notebooks">Notebooks and journals</a></p>
      <p><a href="https://shop.example/inks" data-category="Pens and inks">Pens and inks</a></p>
      <p><a href="https://shop.example/cards" data-category="Letters and cards">Letter paper and cards</a></p>
    </mj-text>
  </mj-column>
</mj-section>

<mj-section background-color="#f6f3ec" border-radius="10px" padding="28px 30px 12px" css-class="panel">
  <mj-column>
    <mj-text css-class="ink">
      <p class="kicker">To give away</p>
      <h2>A rainy Sunday, in a box</h2>
      <p>Two teas, a notebook, a candle end and nothing to hurry for. We tie it with string and write the card for you.</p>
      <p><a href="https://shop.example/boxes" data-category="Gift boxes">See the boxes</a></p>
    </mj-text>
  </mj-column>
</mj-section>

<mj-section padding="28px 0 0">
  <mj-column>
    <mj-text css-class="ink">
      <p>Come by, or write: a person answers.</p>
      <p>Until the next letter,<br>all of us at {{ shop.name }}</p>
    </mj-text>
  </mj-column>
</mj-section>
{% endblock %}
"""
