"""What the audit says, in the words of those who read it: each action, each kind of it, what of it, and who did it."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

GROUPS: Mapping[str, tuple[Any, tuple[str, ...]]] = {
    "connexions": (_l("Connexions et mots de passe"), ("session", "password", "code", "second_factor")),
    "refus": (_l("Accès refusés"), ("role", "object", "tries", "look_up", "call")),
    "comptes": (_l("Comptes"), ("account", "admin", "billing", "data_export")),
    "consultations": (_l("Consultations et exports"), ("customer", "invoices", "year_pack", "audit")),
    "commandes": (_l("Commandes"), ("order", "review")),
    "factures": (_l("Factures et avoirs"), ("request", "invoice", "credit_note", "correction", "refund")),
    "envois": (_l("E-mails"), ("mail", "test")),
    "boutiques": (_l("Boutiques, clés et fichiers"), ("shop", "key", "message", "upload", "demo")),
}
"""What the filter of the page offers: its name in the address, its words, and the objects of the actions it finds."""

ACTIONS: Mapping[str, Any] = {
    "account.begun_anew": _l("Compte repris à neuf par le titulaire de l'adresse"),
    "account.confirmed": _l("Adresse e-mail confirmée"),
    "account.email_change_requested": _l("Changement d'adresse demandé"),
    "account.email_changed": _l("Adresse e-mail du compte changée"),
    "account.erased": _l("Compte supprimé, données effacées"),
    "account.opened": _l("Compte créé"),
    "account.opened_again": _l("Inscription tentée sur une adresse qui a déjà un compte"),
    "admin.created": _l("Droit d'administration donné depuis le serveur"),
    "admin.invitation_withdrawn": _l("Invitation de l'équipe retirée"),
    "admin.invited": _l("Invitation dans l'équipe"),
    "admin.joined": _l("Entrée dans l'équipe"),
    "admin.removed": _l("Sortie de l'équipe"),
    "admin.role_changed": _l("Rôle changé"),
    "audit.exported": _l("Journal exporté"),
    "billing.changed": _l("Données de facturation modifiées"),
    "data_export.failed": _l("Fichier des données du client impossible à établir"),
    "data_export.made": _l("Fichier des données du client établi"),
    "data_export.requested": _l("Fichier de ses données demandé"),
    "year_pack.failed": _l("Factures d'une année impossibles à réunir pour le client"),
    "year_pack.made": _l("Factures d'une année réunies pour le client"),
    "year_pack.requested": _l("Factures d'une année demandées en un fichier"),
    "call.exceeded": _l("Appel refusé\u00a0: la clé n'a pas ce droit"),
    "call.refused": _l("Appel mal signé refusé"),
    "code.refused": _l("Code de confirmation refusé"),
    "correction.accepted": _l("Correction acceptée"),
    "correction.declined": _l("Correction refusée"),
    "correction.requested": _l("Correction demandée"),
    "credit_note.issued": _l("Avoir émis"),
    "credit_note.resent": _l("Avoir renvoyé"),
    "customer.viewed": _l("Client consulté par l'administration"),
    "demo.begun": _l("Démonstration commencée"),
    "demo.loaded": _l("Démonstration chargée"),
    "invoice.amended": _l("Facturée d'après une décision"),
    "invoice.issued": _l("Facture émise"),
    "invoice.replaced": _l("Facture remplacée"),
    "invoice.resent": _l("Facture renvoyée"),
    "invoices.exported": _l("Factures d'un mois exportées"),
    "key.created": _l("Clé créée"),
    "key.revoked": _l("Clé révoquée"),
    "key.used": _l("Clé utilisée"),
    "look_up.refused": _l("Commande cherchée en vain par un visiteur"),
    "mail.bounced": _l("E-mail revenu"),
    "mail.failed": _l("E-mail refusé"),
    "mail.sent": _l("E-mail envoyé"),
    "mail.unknown": _l("E-mail d'issue incertaine"),
    "message.ignored": _l("Message de boutique ignoré"),
    "message.refused": _l("Message de boutique mal signé refusé"),
    "message.retried": _l("Message de boutique traité de nouveau"),
    "object.withheld": _l("Page d'un autre demandée, et refusée"),
    "order.claim_asked": _l("Rattachement de la commande demandé"),
    "order.claimed": _l("Commande rattachée au compte"),
    "order.email_corrected": _l("Adresse e-mail corrigée"),
    "order.erased": _l("Données personnelles de la commande effacées"),
    "order.invoiced_before": _l("Commande notée comme déjà facturée"),
    "order.looked_up": _l("Commande consultée par un visiteur"),
    "order.new": _l("Commande reçue"),
    "order.refund_reported": _l("Remboursement signalé"),
    "order.shipment_reported": _l("Expédition signalée"),
    "order.updated": _l("Commande mise à jour"),
    "order.withdrawn": _l("Commande supprimée par la boutique"),
    "password.changed": _l("Mot de passe changé"),
    "password.refused": _l("Mot de passe actuel refusé"),
    "password.reset": _l("Mot de passe remplacé par un lien"),
    "password.reset_requested": _l("Nouveau mot de passe demandé"),
    "refund.not_credited": _l("Remboursement sans avoir"),
    "refund.spread": _l("Remboursement réparti sur les taux"),
    "request.cancelled": _l("Demande annulée"),
    "request.opened": _l("Facture demandée"),
    "request.parked": _l("Production arrêtée"),
    "request.reopened": _l("Demande reprise"),
    "request.retried": _l("Demande relancée"),
    "review.accepted": _l("Commande acceptée telle qu'encaissée"),
    "review.corrected": _l("Montants corrigés"),
    "review.ignored": _l("Commande non facturée ici"),
    "review.lapsed": _l("Décision caduque\u00a0: autres montants"),
    "review.undone": _l("Décision annulée"),
    "role.exceeded": _l("Changement refusé\u00a0: rôle en lecture"),
    "second_factor.begun": _l("Double authentification\u00a0: installation commencée"),
    "second_factor.codes_renewed": _l("Codes de secours renouvelés"),
    "second_factor.recovery_code_used": _l("Code de secours utilisé"),
    "second_factor.refused": _l("Code de l'application refusé"),
    "second_factor.reset_by_operator": _l("Double authentification retirée depuis le serveur"),
    "second_factor.set_up": _l("Double authentification installée"),
    "session.closed": _l("Déconnexion"),
    "session.code_accepted": _l("Code de connexion accepté"),
    "session.code_asked": _l("Code de connexion demandé"),
    "session.code_refused": _l("Code de connexion refusé"),
    "session.ended_by_operator": _l("Déconnexion depuis le serveur"),
    "session.opened": _l("Connexion"),
    "session.opened_by_shop": _l("Connexion par un lien de la boutique"),
    "session.proven": _l("Identité prouvée de nouveau"),
    "session.refused": _l("Connexion refusée"),
    "shop.added": _l("Boutique ajoutée"),
    "shop.closed": _l("Boutique fermée"),
    "shop.open": _l("Boutique rouverte"),
    "shop.replaced": _l("Secrets de la boutique remplacés"),
    "test.sent": _l("E-mail d'essai envoyé"),
    "tries.exceeded": _l("Trop d'essais"),
    "upload.confirmed": _l("Reprise d'un fichier confirmée"),
    "upload.failed": _l("Fichier abandonné"),
    "upload.handed_in": _l("Fichier déposé"),
    "upload.imported": _l("Fichier repris"),
}

ACTORS: Mapping[str, Any] = {
    "system": _l("automatique"),
    "visitor": _l("visiteur"),
    "admin": _l("administration"),
    "customer": _l("client"),
    "shop": _l("boutique"),
}

ORIGINS: Mapping[str, Any] = {
    "customer": _l("par le client"),
    "checkout": _l("à la commande"),
    "company": _l("d'office\u00a0: entreprise immatriculée"),
}
"""Who or what opened a request."""

MAILS: Mapping[str, Any] = {
    "account_erased": _l("Compte supprimé"),
    "account_exists": _l("Inscription sur une adresse qui a un compte"),
    "alert": _l("Alerte"),
    "confirmation": _l("Confirmation de l'adresse"),
    "confirmation_reminder": _l("Rappel de confirmation"),
    "correction_declined": _l("Correction refusée"),
    "credit_note": _l("Avoir"),
    "data_export": _l("Fichier de ses données"),
    "email_change": _l("Confirmation de la nouvelle adresse"),
    "email_changed": _l("Adresse changée"),
    "invitation": _l("Invitation dans l'équipe"),
    "invoice": _l("Facture"),
    "order_code": _l("Code pour ajouter une commande"),
    "password_changed": _l("Mot de passe changé"),
    "password_reset": _l("Lien pour un nouveau mot de passe"),
    "request_cancelled": _l("Demande annulée"),
    "request_problem": _l("Retard de la facture"),
    "request_received": _l("Demande reçue"),
    "second_factor_changed": _l("Double authentification changée"),
    "sign_in_code": _l("Code de connexion"),
    "specimen": _l("Spécimen"),
    "test": _l("E-mail d'essai"),
}
"""What a mail is about, by its kind."""

ROLES: Mapping[str, Any] = {"reading": _l("Lecture"), "managing": _l("Gestion")}
"""What an admin may do."""

DETAILS: Mapping[str, Mapping[str, Any]] = {"admin": ROLES, "mail": MAILS, "request": ORIGINS}
"""The words for details that are one of a few, by the object of the action; others are numbers and names."""


def detail(action: str, written: str) -> str:
    """Return what an entry says besides its action: `managing` of a change of role is « Gestion »."""
    return str(DETAILS.get(action.partition(".")[0], {}).get(written, written))


def actor(written: str) -> str:
    """Return who did it: `admin:3` is « administration n° 3 »."""
    who, _colon, which = written.partition(":")
    said = str(ACTORS.get(who, who))
    if not which:
        return said
    return _("%(who)s «\u00a0%(name)s\u00a0»", who=said, name=which) if who == "shop" else f"{said} n°\u00a0{which}"
