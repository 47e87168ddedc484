"""What is out of order: noticed by the sweep, told to the merchant once, and closed when it is over."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from sqlalchemy import ColumnElement, Row, Select, and_, case, func, insert, not_, or_, select, update

import clock
import config
import storage
import task_queue
from extensions import db, transaction
from mail.messages import Trouble
from models import Delivery, Incident, InvoiceRequest, Order, Shop, ShopMessage
from services import clocks, data_exports, invoices, lateness, outbox, readiness, shops

BETWEEN_ALERTS = timedelta(minutes=10)
LONGEST_QUEUE = timedelta(minutes=10)
MACHINE_GONE = timedelta(days=1)
"""Whether a clock is right again its own machine says; one that has not for so long may be no more."""

UNREADABLE = 4  # Times in a row that a shop could not be read: more than twenty minutes.
MOST_NAMES = 20
MOST_AT_ONCE = 1000  # Incidents that one statement closes.
OUR_OWN = "ALERT_EMAIL"
"""The name of an alert that did not arrive: one and the same, or each alert about alerts would call for the next."""

WORDS = {
    "late": (
        _l("Des factures ne sont pas parties dans le délai promis."),
        _l("Ouvrez chaque commande\u00a0: sa page dit ce qui l'arrête et permet de la relancer."),
    ),
    "attention": (
        _l("Des factures sont arrêtées et attendent une décision."),
        _l("Ouvrez chaque commande\u00a0: le motif y figure, avec «\u00a0Relancer\u00a0» ou «\u00a0Renvoyer\u00a0»."),
    ),
    "mail": (
        _l("Des e-mails n'ont pas été remis, ou on ne sait pas s'ils l'ont été."),
        _l(
            "Ouvrez la commande, corrigez l'adresse si elle est fausse, puis «\u00a0Renvoyer\u00a0». "
            "ALERT_EMAIL désigne vos propres adresses\u00a0: corrigez ce réglage."
        ),
    ),
    "slow": (
        _l("Des factures tardent\u00a0: plus de la moitié de leur délai est passée."),
        _l("Vérifiez que le worker et le sweeper tournent\u00a0; «\u00a0Bientôt en retard\u00a0» liste les commandes."),
    ),
    "shipment": (
        _l("Des factures demandées attendent une expédition depuis plus de dix jours."),
        _l("La boutique a-t-elle signalé ces colis\u00a0? «\u00a0Expédition attendue\u00a0» liste les commandes."),
    ),
    "queue": (
        _l("Du travail attend depuis plus de dix minutes."),
        _l("Vérifiez que le worker et le sweeper tournent\u00a0; s'ils tournent, ajoutez un worker."),
    ),
    "redis": (
        _l("Redis ne répond pas\u00a0: les demandes sont prises, les factures partiront à son retour."),
        _l("Démarrez Redis\u00a0; il peut revenir vide, rien n'est perdu."),
    ),
    "smtp": (
        _l("Le serveur de messagerie ne répond pas ou refuse notre mot de passe\u00a0: les envois attendent."),
        _l("Vérifiez SMTP_URL et le serveur\u00a0; les envois reprennent d'eux-mêmes."),
    ),
    "documents": (
        _l("Le dossier des documents ne peut pas être écrit\u00a0: aucune facture ne peut être produite."),
        _l("Faites de la place ou rendez le dossier inscriptible\u00a0; la production reprend d'elle-même."),
    ),
    "shop": (
        _l("Des boutiques ont besoin de vous\u00a0: un message ou un secret est illisible, ou elle ne répond plus."),
        _l(
            "«\u00a0Boutiques\u00a0» dit pourquoi, avec «\u00a0Réessayer\u00a0» et «\u00a0Ignorer\u00a0». "
            "Si la boutique ne répond plus, vérifiez son adresse et sa clé\u00a0; "
            "si un secret ne s'ouvre plus, remettez l'ancien KEYS_SECRET ou donnez de nouveaux secrets."
        ),
    ),
    "export": (
        _l("Un fichier demandé par un client n'a pas pu être établi\u00a0: ses données, ou ses factures d'une année."),
        _l(
            "«\u00a0Journal\u00a0» dit pour quel compte, et le journal du worker pourquoi. Une fois la cause levée, "
            "le client peut le demander de nouveau\u00a0; pour ses données, vous avez un mois pour lui répondre "
            "(RGPD, article 12)."
        ),
    ),
    "clock": (
        _l(
            "L'horloge d'une machine s'écarte de plus de cinq minutes de celle de la base\u00a0: elle n'émet plus rien."
        ),
        _l("Mettez cette machine à l'heure (NTP)\u00a0; elle reprend d'elle-même."),
    ),
}
"""Of each kind what is wrong and what to do, as the merchant reads it in mails and on /admin/."""


@dataclass(frozen=True, slots=True)
class Group:
    """The incidents of one kind: what is wrong, since when, what to do, and which orders or machines (20 at most).

    `more` are those that are not named; `over` says that all had ended when somebody was told.
    """

    kind: str
    what: str
    todo: str
    since: datetime
    names: tuple[str, ...] = ()
    more: int = 0
    over: bool = False

    @property
    def orders(self) -> tuple[str, ...]:
        """Those of the names that are numbers of orders."""
        about_orders = self.kind in ("late", "attention", "mail")
        return tuple(name for name in self.names if name != OUR_OWN) if about_orders else ()


def watch() -> None:
    """Afterwards what is out of order has its incident, what is over has none, and new ones are in one mail at most.

    Every ten minutes a mail at most names all that nobody was told of yet. Of two sweepers one writes: the other's
    equal rows are refused by the database.
    """
    known = _known()  # Read first: what anybody opens or closes from here on is neither closed nor opened once more.
    wrong = _out_of_order()
    if wrong == known.keys() and not _is_something_to_tell():
        return
    with transaction():
        _open(wrong - known.keys() - _known().keys())
        _close([known[each] for each in sorted(known.keys() - wrong)])
        if _is_something_to_tell():
            _tell()


def open_now(degraded: Collection[str] = ()) -> list[Group]:
    """Return what is out of order, by kind; `degraded` what was just found so, and may have no incident yet."""
    groups = _groups(Incident.closed_at.is_(None), clock.now())
    known = {group.kind for group in groups}
    return [Group(kind, *_words(kind), since=clock.now()) for kind in degraded if kind not in known] + groups


def told_by(alert: Delivery) -> list[Trouble]:
    """Return what an alert mail tells, the same each time it is written."""
    return [_told(group) for group in _groups(Incident.alert_id == alert.id, alert.created_at)]


def alerts_due() -> list[int]:
    """Return the alert mails that are to be sent now."""
    due = select(Delivery.id).where(Delivery.state == "pending", Delivery.due_at <= clock.now())
    return list(db.session.scalars(due.where(Delivery.kind == "alert").order_by(Delivery.id)))


def count_by_kind() -> dict[str, int]:
    """Return how many incidents of each kind are open."""
    found = select(Incident.kind, func.count()).where(Incident.closed_at.is_(None)).group_by(Incident.kind)
    counted = {row[0]: row[1] for row in db.session.execute(found)}
    return {kind: counted.get(kind, 0) for kind in Incident.KINDS}


def _out_of_order() -> set[tuple[str, str]]:
    """Return kind and name of everything that is wrong at this moment."""
    wrong = {(kind, "") for kind, is_so in _conditions().items() if is_so}
    for kind, orders in _orders().items():
        wrong |= {(kind, number) for number in db.session.scalars(orders)}
    wrong |= {("shop", name) for name in (*db.session.scalars(_shops()), *_shops_with_a_lost_secret())}
    return wrong | ({("mail", OUR_OWN)} if _last_alert_was_in_vain() else set())


def _conditions() -> dict[str, bool]:
    late, away = lateness.measure(), readiness.waited_for()
    return {
        "slow": late.slow > 0,
        "shipment": late.unshipped > 0,
        "queue": late.queue_age > LONGEST_QUEUE,
        "redis": not task_queue.answers(),
        "smtp": "smtp" in away,
        "documents": "documents" in away or not storage.answers(),
        "export": data_exports.is_one_owed(),
    }


def _orders() -> dict[str, Select[str]]:
    """Return which orders are out of order, by kind; a mail that stopped its request is named with the request only."""
    asked = select(Order.number).join(InvoiceRequest)
    stopped = InvoiceRequest.state == "needs_attention"
    mailed = select(Order.number).join(Delivery, Delivery.order_id == Order.id).outerjoin(InvoiceRequest)
    return {
        "late": asked.where(lateness.is_late()),
        "attention": asked.where(stopped),
        "mail": mailed.where(invoices.is_unsent(), or_(InvoiceRequest.id.is_(None), not_(stopped))),
    }


def _shops() -> Select[str]:
    """Return which shops have messages for a person, or have not been readable four times in a row."""
    failed = select(ShopMessage.id).where(ShopMessage.shop_id == Shop.id, ShopMessage.state == "failed").exists()
    unreadable = and_(Shop.last_error.is_not(None), Shop.attempts >= UNREADABLE)
    return select(Shop.name).where(Shop.state == "open", or_(failed, unreadable))


def _shops_with_a_lost_secret() -> list[str]:
    """Return which shops have a secret that `KEYS_SECRET` does not open."""
    return [shop.name for shop in shops.every() if shop.state == "open" and shops.unreadable(shop)]


def _last_alert_was_in_vain() -> bool:
    last = _last_alert()
    return last is not None and last.state in ("failed", "unknown")


def _last_alert() -> Delivery | None:
    newest = select(func.max(Incident.alert_id)).scalar_subquery()
    return db.session.scalar(select(Delivery).where(Delivery.id == newest))


def _known() -> dict[tuple[str, str], int]:
    """Return the open incidents, each with its id, but a clock's: its own machine closes that, unless it is gone."""
    gone = Incident.opened_at <= clocks.database_now() - MACHINE_GONE  # Our own clock may be the one that is wrong.
    open_here = (Incident.closed_at.is_(None), or_(Incident.kind != "clock", gone))
    found = db.session.execute(select(Incident.kind, Incident.about, Incident.id).where(*open_here))
    return {(kind, about): incident_id for kind, about, incident_id in found}


def _open(wanted: Collection[tuple[str, str]]) -> None:
    """Afterwards each of these has its incident; inside the caller's transaction."""
    now = clock.now()
    rows = [{"kind": kind, "about": about, "opened_at": now} for kind, about in sorted(wanted)]
    if rows:
        db.session.execute(insert(Incident), rows)


def _close(over: Sequence[int]) -> None:
    """Afterwards these incidents are over, those that somebody has closed since apart; in the caller's transaction."""
    for start in range(0, len(over), MOST_AT_ONCE):
        still_open = (Incident.id.in_(over[start : start + MOST_AT_ONCE]), Incident.closed_at.is_(None))
        db.session.execute(update(Incident).where(*still_open).values(closed_at=clock.now()))


def _is_something_to_tell() -> bool:
    """Whether there is what nobody was told of, and the last mail is long enough ago for another one."""
    if db.session.scalar(select(Incident.id).where(Incident.alert_id.is_(None)).limit(1)) is None:
        return False
    last = _last_alert()
    if last is None:
        return True
    on_its_way = last.state in ("pending", "sending")  # What joins it later would arrive with it.
    return not on_its_way and last.created_at <= clock.now() - BETWEEN_ALERTS


def _tell() -> None:
    """Afterwards one mail to all of `ALERT_EMAIL` names everything that nobody was told of; in a transaction.

    Its occasion is the first of them, so that of two sweepers one mails.
    """
    untold = Incident.alert_id.is_(None)
    first = db.session.scalar(select(func.min(Incident.id)).where(untold))
    recipients = ", ".join(config.current().alert_emails)
    alert = outbox.add(Delivery(kind="alert", recipient=recipients), occasion=f"alert:{first}")
    db.session.execute(update(Incident).where(untold).values(alert_id=alert.id))


def _groups(wanted: ColumnElement[bool], moment: datetime) -> list[Group]:
    """Return the incidents by kind, the oldest kind of trouble first, in one query that reads the shown names only."""
    goes_on = case((or_(Incident.closed_at.is_(None), Incident.closed_at >= moment), 1), else_=0)
    found = select(
        Incident.kind,
        Incident.about,
        func.min(Incident.opened_at).over(partition_by=Incident.kind).label("since"),
        func.count().over(partition_by=Incident.kind).label("in_all"),
        func.sum(goes_on).over(partition_by=Incident.kind).label("going_on"),
        func.row_number().over(partition_by=Incident.kind, order_by=Incident.id).label("place"),
    )
    rows = found.where(wanted).subquery()
    shown = select(rows).where(rows.c.place <= MOST_NAMES).order_by(rows.c.since, rows.c.kind, rows.c.place)
    listed = groupby(db.session.execute(shown).all(), key=lambda row: row.kind)
    return [_group_of(list(members)) for _kind, members in listed]


def _group_of(members: list[Row[Any]]) -> Group:
    first, names = members[0], tuple(row.about for row in members if row.about)
    more, over = first.in_all - len(members), not first.going_on
    return Group(first.kind, *_words(first.kind), since=first.since, names=names, more=more, over=over)


def _told(group: Group) -> Trouble:
    since = f"{group.since.astimezone(clock.PARIS):%d/%m/%Y, %H:%M}"
    ended = _("Depuis le %(since)s\u00a0; terminé entre-temps.", since=since)
    names = ", ".join(group.names)
    if group.more:
        names = ngettext("%(names)s et %(num)d autre", "%(names)s et %(num)d autres", group.more, names=names)
    return Trouble(group.what, names, ended if group.over else _("Depuis le %(since)s.", since=since), group.todo)


def _words(kind: str) -> tuple[str, str]:
    what, todo = WORDS[kind]
    return str(what), str(todo)
