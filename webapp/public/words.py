"""What the pages for recipients say, in their own language: English and French."""

from flask import request

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "lang": "en",
        "home": "To our site",
        "yes": "Yes",
        "no": "No",
        "unsubscribe_title": "No more letters?",
        "unsubscribe_lead": "We will stop writing to {address} at once.",
        "unsubscribe_button": "Unsubscribe",
        "unsubscribe_other": "Not your address? This letter was then passed on to you: close this page, nothing has changed.",
        "preferences_instead": "Or choose what we may send you",
        "unsubscribed_title": "You are unsubscribed",
        "unsubscribed_lead": "We have stopped writing to {address}. Letters already on their way may still arrive within minutes.",
        "undo_button": "That was a mistake, write to me again",
        "undo_meaning": "You then agree again to receive our letters; you can unsubscribe at any time.",
        "reason_label": "Would you tell us why? Only if you like.",
        "reason_button": "Send",
        "reason_thanks": "Thank you. That helps us.",
        "back_title": "Welcome back",
        "back_lead": "We may write to {address} again.",
        "preferences_title": "Your choices",
        "preferences_lead": "For letters to {address}.",
        "mail_label": "Send me letters",
        "mail_help": "News and offers by e-mail. Without this you get none at all.",
        "tracking_label": "Let us see which letters you open and which links you press",
        "tracking_help": "It helps us to write less, and what interests you. Without it nothing of the kind is noted about you from now on, also not for letters already sent.",
        "language_label": "Language of the letters",
        "save_button": "Save",
        "saved": "Saved. It counts from now on.",
        "gone_title": "This link leads nowhere",
        "gone_lead": "It may be cut, altered or very old. Copy it whole from the letter, or look at our site.",
        "busy_title": "One moment, please",
        "busy_lead": "We cannot open this link just now. Nothing is lost: try it again in a minute.",
        "unclear_title": "We did not understand",
        "unclear_lead": "Nothing was changed. Please use the buttons on the page.",
        "erased_lead": "We know nothing about you any more, so there is nothing to choose.",
        "test_note": "This belongs to a test letter: it changes nothing.",
        "blocked_note": "Letters to this address are stopped for another reason as well. If you want them, please write to us.",
    },
    "fr": {
        "lang": "fr",
        "home": "Vers notre site",
        "yes": "Oui",
        "no": "Non",
        "unsubscribe_title": "Plus de lettres ?",
        "unsubscribe_lead": "Nous cesserons aussitôt d’écrire à {address}.",
        "unsubscribe_button": "Me désabonner",
        "unsubscribe_other": "Ce n’est pas votre adresse ? On vous a alors transmis cette lettre : fermez cette page, rien n’a changé.",
        "preferences_instead": "Ou choisir ce que nous pouvons vous envoyer",
        "unsubscribed_title": "Vous êtes désabonné",
        "unsubscribed_lead": "Nous avons cessé d’écrire à {address}. Une lettre déjà partie peut encore arriver dans les minutes qui suivent.",
        "undo_button": "C’était une erreur, écrivez-moi de nouveau",
        "undo_meaning": "Vous acceptez alors de nouveau de recevoir nos lettres ; vous pouvez vous désabonner à tout moment.",
        "reason_label": "Voulez-vous nous dire pourquoi ? Seulement si vous le souhaitez.",
        "reason_button": "Envoyer",
        "reason_thanks": "Merci. Cela nous aide.",
        "back_title": "Heureux de vous retrouver",
        "back_lead": "Nous pouvons de nouveau écrire à {address}.",
        "preferences_title": "Vos choix",
        "preferences_lead": "Pour les lettres envoyées à {address}.",
        "mail_label": "Envoyez-moi vos lettres",
        "mail_help": "Nouvelles et offres par courriel. Sans cela, vous n’en recevez aucune.",
        "tracking_label": "Nous laisser voir quelles lettres vous ouvrez et sur quels liens vous cliquez",
        "tracking_help": "Cela nous aide à écrire moins, et ce qui vous intéresse. Sans cela, plus rien de tel n’est noté sur vous dès maintenant, y compris pour les lettres déjà envoyées.",
        "language_label": "Langue des lettres",
        "save_button": "Enregistrer",
        "saved": "Enregistré. Cela vaut dès maintenant.",
        "gone_title": "Ce lien ne mène nulle part",
        "gone_lead": "Il est peut-être coupé, modifié ou très ancien. Copiez-le en entier depuis la lettre, ou visitez notre site.",
        "busy_title": "Un instant, s’il vous plaît",
        "busy_lead": "Nous ne pouvons pas ouvrir ce lien pour le moment. Rien n’est perdu : réessayez dans une minute.",
        "unclear_title": "Nous n’avons pas compris",
        "unclear_lead": "Rien n’a été changé. Utilisez les boutons de la page.",
        "erased_lead": "Nous ne savons plus rien de vous : il n’y a donc rien à choisir.",
        "test_note": "Ceci appartient à une lettre d’essai : rien n’est changé.",
        "blocked_note": "Les lettres à cette adresse sont aussi arrêtées pour une autre raison. Si vous en voulez, écrivez-nous.",
    },
}

LANGUAGES = (("en", "English"), ("fr", "Français"))
"""What a recipient may choose, each in its own words."""


def words(language: str, fallback: str) -> dict[str, str]:
    """The words in the person's language; without one on record, in that of their browser or of the shop."""
    if not language:
        best = request.accept_languages.best_match(list(WORDS))
        language = best or fallback
    return WORDS["fr" if language.casefold().startswith("fr") else "en"]
