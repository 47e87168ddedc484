"""What the models of the API and their fields mean, in French: the words of the OpenAPI document and of its page."""

MODELS = {
    "OrderMessage": "Une commande, telle qu'elle a été facturée au client.",
    "LineMessage": "Une ligne, dans la base de prix de la commande (TTC ou HT).",
    "BillingMessage": "À qui la facture est faite\u00a0; le client complète ce qui manque.",
    "AddressMessage": "Où part la commande.",
    "ShipmentMessage": "Un colis.",
    "RefundMessage": "Un remboursement.",
    "RefundLineMessage": "La part d'une ligne dans un remboursement.",
    "ShipmentReport": "Une expédition, dite seule\u00a0: shipped_at, shipments, ou les deux.",
    "SignInMessage": "Le client que la boutique a connecté.",
    "Taken": "Ce qu'est devenu ce qui a été envoyé.",
    "LineResult": "Ce qu'est devenue une ligne d'un lot.",
    "OrderState": "Une commande et sa facture, telles qu'elles sont connues.",
    "RequestState": "Où en est la facture.",
    "DocumentState": "Une facture ou un avoir émis.",
    "SignInLink": "Un lien qui sert une fois.",
    "Problem": "Une erreur (RFC 9457).",
    "FieldError": "Ce qui ne va pas, et où.",
}

_OWN_NUMBER = "Le numéro de la commande dans la boutique, sans préfixe."
_VERSION = "Augmente à chaque changement\u00a0; la plus haute l'emporte."
_SHIPPED = "Quand le dernier colis est parti\u00a0: le délai de la facture court de là."
_TOTAL = "Ce qui a été facturé, TTC\u00a0; la somme des lignes doit tomber juste au centime."
_ERRORS = "Ce qui ne va pas, champ par champ\u00a0; vide sinon."
_REVIEW = "Pourquoi la commande est « à vérifier »\u00a0; vide sinon."
_LINE1, _LINE2 = "Numéro et rue.", "Complément d'adresse."
_POSTAL_CODE, _CITY, _COUNTRY = "Code postal.", "Ville.", "Pays, ISO 3166-1 alpha-2."

FIELDS = {
    "OrderMessage": {
        "number": _OWN_NUMBER,
        "version": _VERSION,
        "email": "L'adresse du client, que la boutique a vérifiée.",
        "locale": "La langue de la commande.",
        "placed_at": "Quand elle a été passée.",
        "paid_at": "Quand elle a été payée.",
        "payment_method": "Comment, par exemple card.",
        "shipped_at": _SHIPPED,
        "delivered_at": "Quand elle a été remise\u00a0; pour un service, quand il est fini.",
        "cancelled_at": "Quand elle a été annulée\u00a0: elle n'est alors pas facturée.",
        "existing_invoice": "Le numéro de la facture, si un autre système l'a faite\u00a0: elle n'est pas refaite.",
        "purchase_order": "La référence du client, reprise sur la facture.",
        "currency": "La monnaie facturée, ISO 4217.",
        "exchange_rate": "Combien d'euros vaut une unité de cette monnaie\u00a0; sans lui une commande en "
        "devise est « à vérifier ».",
        "prices_include_tax": "true\u00a0: les prix sont TTC\u00a0; false\u00a0: HT.",
        "invoice_requested": "Le client a coché « facture » en commandant.",
        "billing": "À qui la facture est faite.",
        "shipping_address": "Où part la commande.",
        "lines": "Les lignes, frais de port et autres frais compris.",
        "order_discount": "La remise sur toute la commande, TTC.",
        "total_tax": "La TVA que la boutique a comptée\u00a0; elle est reprise à 0,01 près par ligne.",
        "total": _TOTAL,
        "paid_amount": "Ce qui a été encaissé, bons cadeaux compris.",
        "shipments": "Les colis\u00a0; ils se complètent par leur id.",
        "refunds": "Les remboursements\u00a0; ils se complètent par leur id, et deviennent des avoirs.",
    },
    "LineMessage": {
        "sku": "Votre référence.",
        "description": "Ce que le client lit sur la facture.",
        "kind": "Bien, service, port, frais, ou bon cadeau vendu.",
        "quantity": "Négative pour une ligne de remise.",
        "unit_price": "Le prix d'une unité, jamais négatif.",
        "discount": "La remise sur toute la ligne.",
        "vat_rate": "Le taux facturé, en pour cent.",
        "vat_category": "Pourquoi le taux est 0\u00a0: E exonéré, K livraison intracommunautaire, AE autoliquidation, "
        "G exportation, O hors du champ. Sans lui une ligne à 0 est « à vérifier ».",
        "exemption": "L'article de loi ou le motif, en toutes lettres.",
        "tax": "La TVA de la ligne telle que la boutique l'a comptée\u00a0; elle est reprise à 0,01 près.",
    },
    "BillingMessage": {
        "kind": "Particulier ou entreprise.",
        "first_name": "Prénom.",
        "last_name": "Nom.",
        "company_name": "Raison sociale.",
        "tax_id": "Numéro d'identification fiscale.",
        "siret": "SIRET\u00a0; blancs et points sont ôtés.",
        "vat_number": "N° de TVA intracommunautaire.",
        "line1": _LINE1,
        "line2": _LINE2,
        "postal_code": _POSTAL_CODE,
        "city": _CITY,
        "country": _COUNTRY,
    },
    "AddressMessage": {
        "name": "Qui reçoit.",
        "line1": _LINE1,
        "line2": _LINE2,
        "postal_code": _POSTAL_CODE,
        "city": _CITY,
        "country": _COUNTRY,
    },
    "ShipmentMessage": {
        "id": "Le nom du colis dans la boutique.",
        "shipped_at": "Quand il est parti.",
        "carrier": "Le transporteur.",
        "tracking_number": "Le numéro de suivi.",
        "tracking_url": "La page de suivi, en https, montrée au client.",
    },
    "RefundMessage": {
        "id": "Le nom du remboursement dans la boutique.",
        "at": "Quand l'argent est reparti.",
        "lines": "Les lignes concernées\u00a0; sans elles le montant est réparti sur les taux.",
        "amount": "Ce qui est remboursé en tout, TTC.",
    },
    "RefundLineMessage": {
        "line": "La ligne de la commande\u00a0; la première est 0.",
        "quantity": "Combien en revient\u00a0; 0 pour un geste commercial.",
        "amount": "Ce qui en est remboursé, TTC.",
    },
    "ShipmentReport": {"shipped_at": _SHIPPED, "shipments": "Les colis partis."},
    "SignInMessage": {
        "email": "Son adresse, dont la boutique se porte garante.",
        "next": "La page de son espace où il veut aller, par exemple /espace-client/factures.",
    },
    "Taken": {
        "number": "Le numéro de la commande, préfixe de la boutique compris.",
        "version": "La version connue désormais.",
        "applied": "false\u00a0: c'était déjà connu, ou plus ancien\u00a0; rien n'a changé.",
        "review": _REVIEW,
    },
    "LineResult": {
        "line": "La ligne du lot\u00a0; la première est 1.",
        "number": "Le numéro de la commande.",
        "status": "Ce qu'un envoi seul aurait répondu.",
        "applied": "Si quelque chose a changé.",
        "errors": _ERRORS,
    },
    "OrderState": {
        "number": "Le numéro de la commande, préfixe de la boutique compris.",
        "version": "La version connue.",
        "status": "Où en est la commande.",
        "total": "Ce qui a été facturé au client, TTC.",
        "currency": "La monnaie, ISO 4217.",
        "shipped_at": _SHIPPED,
        "existing_invoice": "Le numéro de la facture d'un autre système, s'il y en a une.",
        "review": _REVIEW,
        "request": "La demande de facture\u00a0; null tant que personne n'en veut une.",
        "documents": "Les factures et avoirs émis.",
        "url": "La commande, dans l'espace du client.",
    },
    "RequestState": {
        "state": "Demandée, en attente, programmée, émise, mise en page, envoyée, annulée, ou arrêtée.",
        "waiting_for": "Ce qu'elle attend\u00a0: l'expédition, la confirmation de l'adresse, les données de "
        "facturation, ou la vérification des montants.",
        "reason": "Pourquoi elle est annulée.",
        "requested_at": "Quand elle a été demandée.",
        "earliest_at": "Le début de la promesse faite au client.",
        "deadline_at": "La fin de cette promesse.",
        "sent_at": "Quand la facture est partie.",
    },
    "DocumentState": {
        "kind": "Facture ou avoir.",
        "number": "Son numéro.",
        "issued_on": "Sa date.",
        "currency": "Sa monnaie, ISO 4217.",
        "net": "Le montant HT.",
        "vat": "La TVA.",
        "gross": "Le montant TTC.",
        "url": "Le PDF, dans l'espace du client.",
    },
    "SignInLink": {
        "url": "Où mener le client\u00a0; il y presse un bouton.",
        "expires_at": "Jusqu'à quand le lien est bon.",
    },
    "Problem": {
        "type": "Toujours about:blank.",
        "status": "Le code HTTP.",
        "title": "L'erreur, en deux mots.",
        "detail": "Ce qui s'est passé, pour une personne.",
        "errors": _ERRORS,
    },
    "FieldError": {
        "field": "Par exemple lines[3].unit_price\u00a0; vide pour tout le message.",
        "message": "Ce qui ne va pas.",
    },
}

EXAMPLE = {
    "number": "T-100234",
    "version": 3,
    "email": "paul@example.org",
    "placed_at": "2026-11-02T10:15:00+01:00",
    "paid_at": "2026-11-02T10:16:04+01:00",
    "shipped_at": "2026-11-03T16:00:00+01:00",
    "currency": "EUR",
    "prices_include_tax": True,
    "billing": {
        "kind": "individual",
        "first_name": "Paul",
        "last_name": "Lefèvre",
        "line1": "8 quai Claude-Bernard",
        "postal_code": "69007",
        "city": "Lyon",
        "country": "FR",
    },
    "lines": [
        {
            "description": "T-shirt personnalisé",
            "kind": "goods",
            "quantity": "2",
            "unit_price": "14.90",
            "discount": "2.98",
            "vat_rate": "20.00",
        },
        {
            "description": "Livraison standard",
            "kind": "shipping",
            "quantity": "1",
            "unit_price": "4.90",
            "vat_rate": "20.00",
        },
    ],
    "total": "31.72",
}
"""An order that is taken as it stands."""
