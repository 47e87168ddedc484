"""What mail servers write when a mail does not arrive, each in its own shape, about the mail of that Message-ID."""

BY_SERVER_OF_THE_SENDER = """\
Return-Path: <>
Received: by mail.boutique.example (Postfix) id 4XyZ; Mon, 23 Nov 2026 09:00:01 +0000 (UTC)
Date: Mon, 23 Nov 2026 09:00:01 +0000 (UTC)
From: MAILER-DAEMON@mail.boutique.example (Mail Delivery System)
Subject: {subject}
To: factures@boutique.example
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4XyZ.1795510801/mail.boutique.example"
Message-Id: <20261123090001.4XyZ@mail.boutique.example>

This is a MIME-encapsulated message.

--4XyZ.1795510801/mail.boutique.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.boutique.example.

--4XyZ.1795510801/mail.boutique.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.boutique.example
X-Postfix-Queue-ID: 4XyZ
X-Postfix-Sender: rfc822; factures@boutique.example
Arrival-Date: Mon, 23 Nov 2026 09:00:00 +0000 (UTC)

Final-Recipient: rfc822; claire@example.org
Original-Recipient: rfc822;claire@example.org
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.org
Diagnostic-Code: smtp; {reason}

--4XyZ.1795510801/mail.boutique.example
Content-Description: Undelivered Message
Content-Type: {original}

Return-Path: <factures@boutique.example>
From: Fil & Encre <factures@boutique.example>
To: claire@example.org
Subject: Votre facture FA-2026-000001
Message-ID: {message_id}
Content-Type: text/plain; charset=utf-8

Bonjour,

--4XyZ.1795510801/mail.boutique.example--
"""

BY_EXIM = """\
Return-path: <>
Received: from Debian-exim by mx.example.org with local (Exim 4.96) id 1u0Abc-0002np-Qr
X-Failed-Recipients: claire@example.org
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.example.org>
To: factures@boutique.example
References: {message_id}
Content-Type: multipart/report; report-type=delivery-status; boundary=1795510801-eximdsn-1804289383
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1u0Abc-0002np-Qr@mx.example.org>

--1795510801-eximdsn-1804289383
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

--1795510801-eximdsn-1804289383
Content-type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Action: failed
Final-Recipient: rfc822;claire@example.org
Status: 5.0.0
Remote-MTA: dns; store.example.org
Diagnostic-Code: smtp; 550-5.2.1 The account is closed.
 550 5.2.1 Ask its owner.

--1795510801-eximdsn-1804289383
Content-type: message/rfc822

Return-path: <factures@boutique.example>
Received: from mail.boutique.example ([192.0.2.25]) by mx.example.org with esmtps
\t(Exim 4.96) id 1u0Abc-0002np-Qr for claire@example.org
Message-ID: {message_id}
Subject: Votre facture FA-2026-000001

--1795510801-eximdsn-1804289383--
"""

BY_EXCHANGE = """\
From: <postmaster@example.org>
To: <factures@boutique.example>
Date: Mon, 23 Nov 2026 09:00:04 +0000
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="2f7a3728-b6eb-c93a-5e13-1cd42682787f"
Content-Language: en-US
Message-ID: <c86b0a14-46ef-4afe-41fb-e16f14a13492@example.org>
In-Reply-To: {message_id}
Subject: =?utf-8?B?Tm9uIHJlbWlz?=
Auto-Submitted: auto-replied

--2f7a3728-b6eb-c93a-5e13-1cd42682787f
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="2b5a6b30-cc46-bbac-ddee-09ed77168c67"

--2b5a6b30-cc46-bbac-ddee-09ed77168c67
Content-Type: text/plain; charset="utf-8"
Content-Transfer-Encoding: quoted-printable

Votre message n'a pas pu =C3=AAtre remis.

--2b5a6b30-cc46-bbac-ddee-09ed77168c67
Content-Type: text/html; charset="utf-8"

<html><body>Votre message</body></html>

--2b5a6b30-cc46-bbac-ddee-09ed77168c67--

--2f7a3728-b6eb-c93a-5e13-1cd42682787f
Content-Type: message/delivery-status

Reporting-MTA: dns;ex1.example.org
Received-From-MTA: dns;mail.boutique.example
Arrival-Date: Mon, 23 Nov 2026 09:00:02 +0000

Final-Recipient: rfc822;claire@example.org
Action: failed
Status: 5.7.1
Diagnostic-Code: smtp;550 5.7.1 RESOLVER.RST.AuthRequired; authentication required
X-Display-Name: Claire Martin


--2f7a3728-b6eb-c93a-5e13-1cd42682787f
Content-Type: message/rfc822

Received: from mail.boutique.example (192.0.2.25) by ex1.example.org
 (198.51.100.2) with Microsoft SMTP Server (TLS) id 15.2.1118.7
From: <factures@boutique.example>
Subject: Votre facture FA-2026-000001

--2f7a3728-b6eb-c93a-5e13-1cd42682787f--
"""

BY_GMAIL = """\
Received: by 2002:a05:6214::1 with SMTP id e1; Mon, 23 Nov 2026 01:00:03 -0800 (PST)
Content-Type: multipart/report; boundary="000000000000bdb4aba3"; report-type=delivery-status
To: factures@boutique.example
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Failure)
From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
X-Failed-Recipients: claire@example.org
In-Reply-To: {message_id}
References: {message_id}
Message-ID: <65afe.170a0220.e1@mx.google.com>

--000000000000bdb4aba3
Content-Type: multipart/related; boundary="000000000000bdb4ab"

--000000000000bdb4ab
Content-Type: text/plain; charset="UTF-8"

** Address not found **

--000000000000bdb4ab
Content-Type: image/png; name="icon.png"
Content-Transfer-Encoding: base64
Content-ID: <icon.png>

iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=
--000000000000bdb4ab--

--000000000000bdb4aba3
Content-Type: message/delivery-status

Reporting-MTA: dns; googlemail.com
Arrival-Date: Mon, 23 Nov 2026 01:00:02 -0800 (PST)
X-Original-Message-ID: {message_id}

Final-Recipient: rfc822; claire@example.org
Action: failed
Status: 5.1.1
Remote-MTA: dns; gmail-smtp-in.l.google.com. (2a00::1b, the server for the domain example.org.)
Diagnostic-Code: smtp; 550-5.1.1 There is no such account. Please try
 550-5.1.1 another address.
Last-Attempt-Date: Mon, 23 Nov 2026 01:00:03 -0800 (PST)

--000000000000bdb4aba3
Content-Type: text/rfc822-headers

From: Fil & Encre <factures@boutique.example>
Message-ID: {message_id}
Subject: Votre facture FA-2026-000001

--000000000000bdb4aba3--
"""

IN_UTF_8 = """\
From: MAILER-DAEMON@mx.example.org
Content-Type: multipart/report; report-type=delivery-status; boundary=utf
MIME-Version: 1.0

--utf
Content-Type: text/plain; charset=utf-8

Boîte inconnue.

--utf
Content-Type: message/global-delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: utf-8; claire.lefèvre@example.org
Action: delayed
Status: 4.2.0

Final-Recipient: utf-8; hélène@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 boîte inconnue

--utf
Content-Type: message/global-headers

From: factures@boutique.example
Message-ID: {message_id}

--utf--
"""

ABSENCE = """\
From: Claire Martin <claire@example.org>
To: factures@boutique.example
Subject: Absente jusqu'au 30
Auto-Submitted: auto-replied
In-Reply-To: {message_id}
Content-Type: text/plain; charset=utf-8

Action: failed
Status: 5.1.1
"""

RECEIPT = """\
From: Claire Martin <claire@example.org>
Subject: Lu : Votre facture
Content-Type: multipart/report; report-type=disposition-notification; boundary=read

--read
Content-Type: text/plain

Votre message a été lu.

--read
Content-Type: message/disposition-notification

Final-Recipient: rfc822;claire@example.org
Original-Message-ID: {message_id}
Disposition: manual-action/MDN-sent-manually; displayed

--read
Content-Type: message/rfc822

Message-ID: {message_id}

--read--
"""


def postfix(
    message_id: str,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    reason: str = "550 5.1.1 <claire@example.org>: Recipient address rejected: User unknown",
    subject: str = "Undelivered Mail Returned to Sender",
    original: str = "message/rfc822",
) -> bytes:
    """Return what the shop's own relay writes; RFC 3464 in its plainest form."""
    facts = {"action": action, "status": status, "reason": reason, "subject": subject, "original": original}
    return BY_SERVER_OF_THE_SENDER.format(message_id=message_id, **facts).encode()


def like(shape: str, message_id: str, *, line: str = "\n") -> bytes:
    """Return a message of that shape about that mail."""
    return shape.format(message_id=message_id).replace("\n", line).encode()
