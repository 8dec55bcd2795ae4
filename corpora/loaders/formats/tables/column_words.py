"""Words that people name columns with, in the languages of most tables: evidence that a row of words is a header.

``names_a_column`` knows them in compounds, too (``unit price``, ``customer_id``, ``Lieferdatum``). Words that are as
often values (colours, places, names of people) are not among them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from corpora.text.reading_text import words

_ENGLISH = words(
    "account action activity actor address age amount annual answer app apartment area art article artist"
    " asset assigned assignee author authors availability available average balance bank bar batch bed beds begin"
    " birth birthday birthdate bonus book boat borrower box brand budget building buyer capacity capital captain"
    " carrier case category cell change channel chapter checked circuit city class client close closes code"
    " colour color column comment comments company completed condition contact content contract cost costs count"
    " country county course created creator crew currency customer damage date day days deadline debit credit decision"
    " degree delivery department departure depth description destination detail details device diameter difference"
    " director discount distance district division doctor document driver due duration earnings email employee"
    " employees end engine entry episode error event example exam expense expiry expires extension fare fax fee field"
    " file finish first firm floor founded format frequency from function gender genre goal goals grade grant gross"
    " group growth guest guests head heading height hire hired host hotel hour hours house id identifier image income"
    " index industry inhabitants instructor instrument interval invoice isbn issue issued item items job key keyword"
    " kind label lake language last latitude leader length lender level license licence limit line link lines location"
    " longitude loss machine mail maker manager manufacturer margin mark market mass material max maximum mean meaning"
    " measure median member members message method min minimum minutes mobile model modified month name names"
    " nationality net note notes nr num number occupation opened opening opens operator option order"
    " ordered orders organisation organization origin outcome output owner page pages parent park part"
    " participants partner party password path patient pay payment percent percentage period person persons phone"
    " photo place plan plant player plot points population port position post postcode power price prices priority"
    " process product products profession profit progress project prop property province publisher purchase purpose"
    " qty quality quantity quarter question race rank rate rating ratio reading reason received recipient record ref"
    " reference region remark remarks rent reply report required requirement reserved resident responsible result"
    " results return revenue review river role room rooms route row salary sale sales schedule school score season"
    " seat seats second section sector seller sender sent serial series service sex share shelf shift ship shipped"
    " shop site size skill sku source space species speed sport stage standard start started state station status"
    " step stock stop store street student studio subject submitted sum summary supplier surname surface system table"
    " tag target task tax teacher team tel telephone temp temperature term test text time timestamp title to topic"
    " total track train type uid unit units updated url usage use used user username valid value values variable vat"
    " vehicle vendor venue version vessel village visitors volume votes wage ward warehouse warranty water weather"
    " website week weekday weight when where who width winner word work worker year years yield zip zone berths deck"
    " crop species symptom treatment dose drug ingredient recipe member street"
    " beam born builder built died displacement draft draught education founder headquarters launched motto spouse"
    " staff tonnage town"
)
_GERMAN = words(
    "abteilung adresse aktiv alter amt anbieter anfang angebot ankunft anlage anmerkung anmerkungen ansprechpartner"
    " anteil antwort anzahl arbeit art artikel aufgabe auftrag ausgabe autor bank baujahr beginn bemerkung bemerkungen"
    " bereich beruf beschreibung bestand bestellung betrag betreff bewertung bezeichnung boot breite brutto buch code"
    " datum dauer datei einheit einnahmen einwohner ende ergebnis ergebnisse erstellt fach fahrer faktor farbe fehler"
    " firma fläche frage frist funktion gebiet gebühr gehalt gerät geburtsdatum geschlecht gewicht gewinn größe grund"
    " gruppe gültig hersteller höhe inhalt jahr kapitän kategorie kennung kennzeichen klasse kommentar kosten konto"
    " kunde kunden kundin kürzel land lager länge lieferant lieferung löhne lohn material menge miete mitarbeiter"
    " mitglied monat nachname name namen netto notiz notizen nr nummer ort person personen pfad platz plz position"
    " postleitzahl preis preise produkt projekt punkte quelle rabatt rang raum rechnung region reihe rolle saldo"
    " schlüssel schiff seite seiten spalte spieler stadt standort start status stelle steuer straße strasse stück"
    " stunden summe tag tage team telefon termin text tiefe titel typ uhrzeit umsatz verantwortlich verein verkauf"
    " version vorname währung wert werte wochentag woche zahl zeile zeit zeitraum ziel zimmer zone zustand zuständig"
)
_ROMANCE = words(
    "adresse âge an année annee article auteur catégorie categorie client code commentaire commune coût date début"
    " département description désignation durée effectif email entreprise fin fonction heure jour lieu libellé"
    " longueur largeur hauteur marque mois montant nom nombre note numéro numero observation observations pays"
    " personne poids poste prénom prenom prix produit profession quantité quantite référence région remarque rue"
    " salaire statut superficie taille taux téléphone telephone titre total type unité valeur ville año anio apellido"
    " apellidos área autor cantidad cargo categoría ciudad cliente código comentario correo coste dirección"
    " descripción día duración edad empresa estado fecha fin hora importe inicio lugar marca mes moneda municipio"
    " nombre notas número observaciones país peso población precio producto profesión proveedor provincia puesto"
    " referencia región sexo teléfono tipo título unidad valor anno altezza autore azienda categoria cap città citta"
    " codice cognome comune costo cliente data descrizione durata età fornitore giorno importo indirizzo inizio"
    " larghezza lunghezza luogo marca mese nazione nome note numero ora paese persona prezzo prodotto professione"
    " provincia quantità regione ruolo stato telefono tipo titolo unità valore via bairro cidade código data descrição"
    " duração empresa endereço estado idade mês morada município nome observações país preço produto quantidade rua"
    " telefone tipo título valor"
)
_NORTHERN = words(
    "aantal achternaam adres afdeling artikel bedrag bedrijf beschrijving bestand datum dag duur eenheid einde"
    " functie gewicht hoogte jaar klant kosten land leeftijd lengte leverancier locatie maand merk naam nummer"
    " omschrijving opmerking opmerkingen plaats postcode prijs product provincie soort stad straat tijd titel totaal"
    " type uur voornaam waarde woonplaats adress alder ålder anmärkning antal anställd artikel avdelning avgift belopp"
    " beskrivning betyg bredd båt dag datum efternamn enhet färg företag förnamn höjd kommun kommentar kontakt kostnad"
    " kund kön land lager leverantör län längd mängd månad namn nummer ort pris produkt roll rum slut start stad summa"
    " telefon tid titel typ tävling uppgift vecka vikt värde yrke år adresse afdeling alder antall beløb beløp"
    " beskrivelse by dato efternavn enhed etternavn fornavn firma fylke kommune kunde lengde land merknad måned mengde"
    " navn nummer pris postnummer sted stilling sum telefon tid tittel type uge uke vægt vekt verdi værdi år"
)
_EASTERN = words(
    "adres cena czas data długość firma godzina ilość imię imie jednostka kategoria klient kod kraj kwota liczba"
    " miasto miejsce miesiąc nazwa nazwisko numer opis produkt rok rodzaj stan stanowisko status suma telefon typ"
    " uwagi ulica waga wartość wiek województwo adresa cena datum dodavatel jednotka jméno kategorie množství město"
    " měsíc název poznámka popis příjmení ulice věk адрес возраст время год город дата должность имя единица категория"
    " клиент код количество название наименование номер описание отдел период примечание регион сумма страна телефон"
    " тип товар улица фамилия цена ad adı adet adres açıklama fiyat miktar soyad soyadı şehir tarih telefon tutar ürün"
    " ülke yaş yıl όνομα τιμή ημερομηνία πόλη ποσότητα διεύθυνση τηλέφωνο"
)
_DENSE = words(
    "姓名 名称 名稱 名字 价格 價格 单价 數量 数量 日期 时间 時間 电话 電話 地址 编号 編號 备注 備註 城市"
    " 国家 國家 部门 部門 类型 類型 单位 單位 金额 金額 年龄 年齡 性别 性別 职位 職位 项目 項目 产品 產品"
    " 公司 描述 状态 狀態 合计 合計 序号 序號 年份 月份 名前 氏名 住所 電話番号 商品 商品名 単価 備考 会社"
    " 会社名 部署 年齢 曜日 番号 品名 担当 担当者 地域 都市 国 年 月 日 種類 이름 주소 전화번호 가격 수량"
    " 날짜 비고 회사 부서 나이 성별 직위 품목 합계 도시 국가 번호 금액 상태 담당자"
)
_WORDS = _ENGLISH | _GERMAN | _ROMANCE | _NORTHERN | _EASTERN
# Words that end compounds of languages which write them as one word.
_HEADS = tuple(sorted(word for word in _GERMAN | _NORTHERN if len(word) > 3))
_JOINING = words("of in on per and the no de du des der die das in av i")
_PART = re.compile(r"[^\W\d_]+")
_CAMEL = re.compile(r"(?<=[a-zß-ÿ])(?=[A-Z])")
_MOST_WORDS, _LONGEST = 4, 60


@lru_cache(maxsize=4096)
def names_a_column(text: str) -> bool:
    """Whether a text is, or begins or ends with, a word that columns are named with; no sentence is."""
    if len(text) > _LONGEST:
        return False
    if text.casefold() in _DENSE:
        return True
    parts = [part.casefold() for part in _PART.findall(_CAMEL.sub(" ", text))]
    if not 0 < len(parts) <= _MOST_WORDS:
        return False
    return any(part in _WORDS or part.removesuffix("s") in _WORDS for part in (parts[0], parts[-1])) or (
        len(parts) == 1 and len(parts[0]) > 7 and parts[0].endswith(_HEADS)
    )


def is_column_name(text: str) -> bool:
    """Whether a text is hardly anything but the name of a column: each of its words names one, or it is an identifier.

    ``unit price``, ``x`` and ``fee_eur`` are; ``Lindby Boats``, which only ends with such a word, is not.
    """
    if "_" in text or len(text) == 1:
        return text.isidentifier()
    words_in_it = [part for part in _PART.findall(text) if part.casefold() not in _JOINING]
    return bool(words_in_it) and names_a_column(text) and all(map(names_a_column, words_in_it))
