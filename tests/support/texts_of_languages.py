"""Short texts in many languages, and the encodings in which people have files in them."""

from __future__ import annotations

from collections.abc import Iterator

_WESTERN = ("cp1252", "iso8859_15", "mac_roman", "cp850")
_CENTRAL = ("cp1250", "iso8859_2", "cp852")
TEXTS: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "de": (
        (*_WESTERN, "cp437"),
        [
            "Der Schlüssel für das Büro hängt neben der Tür.",
            "Größe",
            "Bitte läuten Sie zweimal, die Klingel ist leise.\nSchöne Grüße",
            "Müller;3,5\nÖzil;4",
            "Öffnungszeiten: Montag bis Freitag, außer an Feiertagen.",
            "Das Boot gehört dem Verein und wird im Frühjahr gestrichen.",
        ],
    ),
    "fr": (
        (*_WESTERN, "cp437"),
        [
            "Il était une fois un pêcheur qui habitait près du port.",
            "Où est la clé du café ?",
            "Déjà vu, voilà tout.",
            "Les élèves sont invités à la fête de l'été.",
            "Le garçon a mangé des crêpes à Noël.",
        ],
    ),
    "es": (
        (*_WESTERN, "cp437"),
        [
            "El niño comió piñas en España; la señora, no.",
            "¿Dónde está la estación?",
            "Mañana será otro día.",
            "La reunión empezará a las diez en el salón pequeño.",
            "Número de teléfono: 555 1234, código postal 28013",
        ],
    ),
    "pt": (
        ("cp1252", "iso8859_15", "mac_roman", "cp850"),
        [
            "Ação é não, coração.",
            "A estação fica atrás da praça.",
            "Não há vagas para amanhã de manhã.",
            "O avô pôs a mesa e a mãe fez o pão.",
            "Informações sobre as eleições do município",
        ],
    ),
    "it": (
        _WESTERN,
        [
            "Il caffè è più buono qui che in città.",
            "Perché non c'è più nessuno?",
            "La società ha però un'altra età.",
            "Lunedì e martedì il museo è chiuso.",
        ],
    ),
    "sv": (
        (*_WESTERN, "cp437"),
        [
            "Nyckeln hänger på väggen bredvid dörren.",
            "Åke bor i Malmö och går på gymnasiet.",
            "Färjan går två gånger om dagen.",
            "Båten målades på våren, efter att den gamla färgen tagits bort.",
            "Öppet på söndagar",
        ],
    ),
    "da": (
        ("cp1252", "iso8859_15", "mac_roman", "cp850"),
        [
            "Æblet og øen på fjorden ligger stille hen.",
            "Nøglen hænger på væggen ved siden af døren.",
            "Færgen sejler to gange om dagen.",
            "Åbent hver lørdag og søndag",
        ],
    ),
    "fi": (
        _WESTERN,
        [
            "Hyvää päivää, mitä kuuluu sinulle tänään?",
            "Avain on seinällä oven vieressä.",
            "Vene maalattiin keväällä.",
            "Lähtö kello yhdeksän, määränpää Jyväskylä",
        ],
    ),
    "nl": (
        ("cp1252", "mac_roman", "cp850"),
        ["De coördinator heeft drieënveertig ideeën.", "België en Oekraïne", "Eén café is open."],
    ),
    "is": (
        ("cp1252", "iso8859_15"),
        ["Þetta er íslenskur texti um höfnina í bænum.", "Lykillinn hangir á veggnum við hliðina á dyrunum."],
    ),
    "en": (
        ("cp1252", "mac_roman"),
        [
            "The café’s menu – “naïve” prices – is closed.",
            "It costs £5 or €6, he said.",
            "She wrote her résumé at the Brontë museum.",
            "“Quoted” – it’s fine…",
        ],
    ),
    "pl": (
        _CENTRAL,
        [
            "Zażółć gęślą jaźń, port został zbudowany przez miasto.",
            "Klucz wisi na ścianie obok drzwi wejściowych do środka.",
            "Most został otwarty w tysiąc dziewięćset jedenastym roku; są na nim dwa pasy, które często są zamknięte.",
            "Dzień dobry, czy mogę prosić o książkę?",
            "Łódź należy do klubu żeglarskiego.",
        ],
    ),
    "cs": (
        _CENTRAL,
        [
            "Příliš žluťoučký kůň úpěl ďábelské ódy.",
            "Klíč visí na zdi vedle dveří do kanceláře.",
            "Kde je nádraží? Nevím, zeptejte se průvodčího.",
            "Loď patří klubu a na jaře bude natřena.",
        ],
    ),
    "hu": (
        _CENTRAL,
        [
            "Árvíztűrő tükörfúrógép.",
            "A kulcs az ajtó mellett lóg a falon, kérem, ne vigye el.",
            "Hétfőtől péntekig vagyunk nyitva, ünnepnapokon zárva.",
            "A hajó az egyesületé, és tavasszal festették újra.",
        ],
    ),
    "hr": (
        _CENTRAL,
        [
            "Ključ visi na zidu pokraj vrata, molim vas da ga vratite.",
            "Čamac pripada klubu i bit će obojen u proljeće, što košta više.",
        ],
    ),
    "tr": (
        ("cp1254", "iso8859_9"),
        [
            "Liman 1842 yılında şehrin kendisi tarafından inşa edildi, çok güzel.",
            "Anahtar kapının yanındaki duvarda asılı.",
            "Öğrenciler sabah erken gelmişler, öğretmen ise geç kalmış.",
            "İyi günler, nasılsınız?",
        ],
    ),
    "lt": (
        ("cp1257",),
        [
            "Raktas kabo ant sienos šalia durų, prašome jo neišsinešti.",
            "Tiltas buvo atidarytas pavasarį, juo važiuoja daug žmonių.",
        ],
    ),
    "ru": (
        ("cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic"),
        [
            "Съешь ещё этих мягких французских булок, да выпей чаю.",
            "Ключ висит на стене рядом с дверью.",
            "Мост был открыт в 1911 году.",
            "Здравствуйте, где находится вокзал?",
            "Лодка принадлежит клубу, весной её покрасят.",
        ],
    ),
    "uk": (
        ("cp1251", "koi8_u"),
        [
            "Ключ висить на стіні біля дверей.",
            "Міст було відкрито 1911 року, ним їздять щодня.",
            "Доброго дня, де знаходиться вокзал?",
        ],
    ),
    "bg": (("cp1251",), ["Ключът виси на стената до вратата.", "Мостът беше открит през 1911 година."]),
    "el": (
        ("cp1253", "iso8859_7", "cp737"),
        [
            "Το λιμάνι χτίστηκε από την ίδια την πόλη το 1842.",
            "Το κλειδί κρέμεται στον τοίχο δίπλα στην πόρτα.",
            "Καλημέρα, πού είναι ο σταθμός;",
        ],
    ),
    "he": (
        ("cp1255", "iso8859_8"),
        [
            "הנמל נבנה על ידי העיר עצמה בשנת 1842.",
            "המפתח תלוי על הקיר ליד הדלת.",
            "הגשר נפתח בשנת 1911 ויש בו שני נתיבים.",
        ],
    ),
    "ar": (
        ("cp1256", "iso8859_6"),
        [
            "تم بناء الميناء من قبل المدينة نفسها عام 1842.",
            "المفتاح معلق على الحائط بجانب الباب.",
            "أين تقع محطة القطار؟",
        ],
    ),
    "th": (("cp874",), ["ท่าเรือสร้างขึ้นโดยเมืองเองในปี พ.ศ. 2385", "กุญแจแขวนอยู่บนผนังข้างประตู"]),
    "ja": (
        ("cp932", "euc_jp", "iso2022_jp"),
        [
            "鍵は三番の部屋にあります。",
            "港は1842年に町によって建設されました。",
            "こんにちは。",
            "会議は明日の午前十時から始まります。",
            "日本国憲法は、日本の現在の国家形態及び統治の組織・作用を規定している憲法である。",
            "東京タワーの高さは333メートルです。",
        ],
    ),
    "zh": (
        ("gb18030", "gb2312"),
        [
            "港口由该镇于1842年自行建造。",
            "钥匙挂在门旁边的墙上。",
            "中华人民共和国位于亚洲东部，太平洋西岸。",
            "请问火车站在哪里？",
            "会议将于明天上午十点开始。",
        ],
    ),
    "zh-tw": (
        ("big5",),
        [
            "國立故宮博物院位於臺北市士林區。",
            "鑰匙掛在門旁邊的牆上。",
            "請問火車站在哪裡？",
            "會議將於明天上午十點開始。",
        ],
    ),
    "ko": (
        ("cp949", "euc_kr"),
        [
            "항구는 1842년에 마을이 만들었다.",
            "열쇠는 문 옆 벽에 걸려 있습니다.",
            "대한민국은 민주공화국이다.",
            "회의는 내일 오전 열 시에 시작합니다.",
        ],
    ),
}
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be", "utf-32-le")


def encoded_texts() -> Iterator[tuple[str, str, str]]:
    """(language, encoding, text): each text alone, and all texts of a language together, in each encoding it fits."""
    for language, (encodings, texts) in TEXTS.items():
        for text in [*texts, "\n".join(texts), "\n\n".join(texts * 20)]:
            for encoding in (*encodings, *UNICODE):
                try:
                    text.encode(encoding)
                except UnicodeEncodeError:
                    continue
                yield language, encoding, text
