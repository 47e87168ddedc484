"""The words of a document in each language it can be written in; legal texts that the law wants in French stay French.

Words with braces are sentences to fill in. What a language needs is one field more here, and no language lacks it.
`refund`, `correction`, `amounts_changed` and `restated` are why a document exists (CGI art. 289, I-5), where no person
wrote the reason; `spread` and `balance` stand for lines that a credit note cannot name.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that a document says by itself, in one language."""

    invoice: str
    credit_note: str
    dated: str
    credit_of: str
    replaces: str
    reason: str

    seller: str
    billed_to: str
    contact: str
    delivered_to: str
    siren: str
    vat_number: str
    tax_id: str

    order: str
    placed_on: str
    shipped_on: str
    delivered_on: str
    your_reference: str

    description: str
    quantity: str
    unit_price_net: str
    unit_price: str
    vat: str
    net: str
    gross: str
    amount: str
    reference: str
    line_discount_net: str
    line_discount: str
    order_discount: str

    vat_by_rate: str
    base: str
    margin: str
    outside: str
    total_net: str
    total_vat: str
    total_gross: str
    total: str
    paid: str
    left: str
    refunded: str
    left_to_refund: str

    paid_in_full: str
    paid_in_part: str
    to_pay: str
    to_pay_by_transfer: str
    due_on: str
    refunded_in_full: str
    refunded_in_part: str
    to_refund: str
    no_refund: str
    vat_in_euros: str

    refund: str
    correction: str
    amounts_changed: str
    restated: str
    spread: str
    balance: str

    page: str
    methods: dict[str, str]

    def paid_by(self, french: str) -> str:
        """How it was paid; a snapshot holds it in French, and a method without words as the shop named it."""
        return self.methods.get(french, french)


FRENCH = Words(
    invoice="Facture",
    credit_note="Avoir",
    dated="du {date}",
    credit_of="Avoir sur la facture n°\u00a0{number} du {date}",
    replaces="Remplace la facture n°\u00a0{number} du {date}, annulée par avoir",
    reason="Motif\u00a0: {reason}",
    seller="Vendeur",
    billed_to="Facturé à",
    contact="À l'attention de {name}",
    delivered_to="Livré à",
    siren="SIREN {number}",
    vat_number="TVA {number}",
    tax_id="N°\u00a0fiscal {number}",
    order="Commande",
    placed_on="Passée le",
    shipped_on="Expédiée le",
    delivered_on="Livrée le",
    your_reference="Votre référence",
    description="Désignation",
    quantity="Qté",
    unit_price_net="Prix unit. HT",
    unit_price="Prix unitaire",
    vat="TVA",
    net="Montant HT",
    gross="Montant TTC",
    amount="Montant",
    reference="Réf.\u00a0{sku}",
    line_discount_net="Remise de {amount} HT déduite",
    line_discount="Remise de {amount} déduite",
    order_discount="Remise sur la commande",
    vat_by_rate="TVA par taux",
    base="Base HT",
    margin="Marge",
    outside="Hors TVA",
    total_net="Total HT",
    total_vat="TVA",
    total_gross="Total TTC",
    total="Total",
    paid="Déjà payé",
    left="Reste à payer",
    refunded="Remboursé",
    left_to_refund="À rembourser",
    paid_in_full="Payée le {date}{how}.",
    paid_in_part="Payée le {date}{how}, à hauteur de {amount}.",
    to_pay="Reste à payer {amount} au plus tard le {date}.",
    to_pay_by_transfer="Reste à payer {amount} au plus tard le {date}, par virement\u00a0: {account}.",
    due_on="Échéance\u00a0: {date}.",
    refunded_in_full="Remboursé le {date}{how}.",
    refunded_in_part="Remboursé le {date}{how}, à hauteur de {amount}.",
    to_refund="À rembourser\u00a0: {amount}.",
    no_refund="Aucun remboursement.",
    vat_in_euros="TVA en euros\u00a0: {amount} (cours\u00a0: 1\u00a0{currency} = {rate}\u00a0EUR).",
    refund="Remboursement",
    correction="Correction des données de facturation",
    amounts_changed="Modification de la commande",
    restated="Reprise de l'avoir {number}\u00a0: {reason}",
    spread="Remboursement réparti sur les taux de TVA",
    balance="Solde de la facture {number}",
    page="Page\u00a0{page}/{pages}",
    methods={},
)

ENGLISH = Words(
    invoice="Invoice",
    credit_note="Credit note",
    dated="{date}",
    credit_of="Credit note to invoice no.\u00a0{number} of {date}",
    replaces="Replaces invoice no.\u00a0{number} of {date}, cancelled by credit note",
    reason="Reason: {reason}",
    seller="Seller",
    billed_to="Billed to",
    contact="For the attention of {name}",
    delivered_to="Delivered to",
    siren="SIREN {number}",
    vat_number="VAT no. {number}",
    tax_id="Tax no. {number}",
    order="Order",
    placed_on="Placed on",
    shipped_on="Shipped on",
    delivered_on="Delivered on",
    your_reference="Your reference",
    description="Description",
    quantity="Qty",
    unit_price_net="Net unit price",
    unit_price="Unit price",
    vat="VAT",
    net="Net amount",
    gross="Gross amount",
    amount="Amount",
    reference="Ref.\u00a0{sku}",
    line_discount_net="Discount of {amount} excl. VAT deducted",
    line_discount="Discount of {amount} deducted",
    order_discount="Discount on the order",
    vat_by_rate="VAT by rate",
    base="Net",
    margin="Margin",
    outside="No VAT",
    total_net="Total excl. VAT",
    total_vat="VAT",
    total_gross="Total incl. VAT",
    total="Total",
    paid="Paid",
    left="Left to pay",
    refunded="Refunded",
    left_to_refund="To be refunded",
    paid_in_full="Paid on {date}{how}.",
    paid_in_part="Paid on {date}{how}: {amount}.",
    to_pay="{amount} left to pay by {date}.",
    to_pay_by_transfer="{amount} left to pay by {date}, by bank transfer: {account}.",
    due_on="Due date: {date}.",
    refunded_in_full="Refunded on {date}{how}.",
    refunded_in_part="Refunded on {date}{how}: {amount}.",
    to_refund="To be refunded: {amount}.",
    no_refund="No refund.",
    vat_in_euros="VAT in euros: {amount} (rate: 1\u00a0{currency} = {rate}\u00a0EUR).",
    refund="Refund",
    correction="Correction of the billing details",
    amounts_changed="Change of the order",
    restated="Carried over from credit note {number}: {reason}",
    spread="Refund spread over the VAT rates",
    balance="Balance of invoice {number}",
    page="Page\u00a0{page}/{pages}",
    methods={
        "par carte bancaire": "by card",
        "par PayPal": "by PayPal",
        "par virement": "by bank transfer",
        "par prélèvement": "by direct debit",
        "par chèque": "by cheque",
        "en espèces": "in cash",
        "par carte cadeau": "by gift card",
        "par Apple Pay": "by Apple Pay",
        "par Google Pay": "by Google Pay",
    },
)

SPANISH = Words(
    invoice="Factura",
    credit_note="Factura rectificativa",
    dated="{date}",
    credit_of="Rectifica la factura n.º\u00a0{number} del {date}",
    replaces="Sustituye a la factura n.º\u00a0{number} del {date}, anulada por factura rectificativa",
    reason="Motivo: {reason}",
    seller="Vendedor",
    billed_to="Facturado a",
    contact="A la atención de {name}",
    delivered_to="Entregado a",
    siren="SIREN {number}",
    vat_number="NIF-IVA {number}",
    tax_id="NIF {number}",
    order="Pedido",
    placed_on="Realizado el",
    shipped_on="Enviado el",
    delivered_on="Entregado el",
    your_reference="Su referencia",
    description="Descripción",
    quantity="Cant.",
    unit_price_net="Precio sin IVA",
    unit_price="Precio unitario",
    vat="IVA",
    net="Sin IVA",
    gross="Con IVA",
    amount="Importe",
    reference="Ref.\u00a0{sku}",
    line_discount_net="Descuento de {amount} sin IVA deducido",
    line_discount="Descuento de {amount} deducido",
    order_discount="Descuento sobre el pedido",
    vat_by_rate="IVA por tipo",
    base="Base",
    margin="Margen",
    outside="Sin IVA",
    total_net="Total sin IVA",
    total_vat="IVA",
    total_gross="Total con IVA",
    total="Total",
    paid="Pagado",
    left="Por pagar",
    refunded="Reembolsado",
    left_to_refund="Por reembolsar",
    paid_in_full="Pagada el {date}{how}.",
    paid_in_part="Pagada el {date}{how}: {amount}.",
    to_pay="Quedan {amount} por pagar antes del {date} incluido.",
    to_pay_by_transfer="Quedan {amount} por pagar antes del {date} incluido, por transferencia: {account}.",
    due_on="Vencimiento: {date}.",
    refunded_in_full="Reembolsado el {date}{how}.",
    refunded_in_part="Reembolsado el {date}{how}: {amount}.",
    to_refund="Por reembolsar: {amount}.",
    no_refund="Sin reembolso.",
    vat_in_euros="IVA en euros: {amount} (cambio: 1\u00a0{currency} = {rate}\u00a0EUR).",
    refund="Reembolso",
    correction="Corrección de los datos de facturación",
    amounts_changed="Modificación del pedido",
    restated="Traslado de la factura rectificativa {number}: {reason}",
    spread="Reembolso repartido entre los tipos de IVA",
    balance="Saldo de la factura {number}",
    page="Página\u00a0{page}/{pages}",
    methods={
        "par carte bancaire": "con tarjeta",
        "par PayPal": "con PayPal",
        "par virement": "por transferencia",
        "par prélèvement": "por domiciliación bancaria",
        "par chèque": "con cheque",
        "en espèces": "en efectivo",
        "par carte cadeau": "con tarjeta regalo",
        "par Apple Pay": "con Apple Pay",
        "par Google Pay": "con Google Pay",
    },
)

LANGUAGES = {"fr": FRENCH, "en": ENGLISH, "es": SPANISH}


def words(language: str) -> Words:
    """The words of a language, an ISO 639-1 code. Raises KeyError for one that documents are not written in."""
    return LANGUAGES[language]
