"""What the pages themselves say, in Danish and English."""

from typing import Final

INTERFACE: Final[dict[str, tuple[str, str]]] = {
    # --- every page
    "title.inbox": ("Tværs – indbakke", "Tværs – inbox"),
    "title.cases": ("Tværs – mine sager", "Tværs – my cases"),
    "title.timeline": ("Tværs – tidslinje", "Tværs – timeline"),
    "title.login": ("Tværs – log på", "Tværs – log in"),
    "title.purpose": ("Tværs – formål", "Tværs – purpose"),
    "title.problem": ("Tværs", "Tværs"),
    "skip": ("Gå til indhold", "Skip to content"),
    "product": ("Tværs – samordnet hjælp", "Tværs – coordinated help"),
    "municipality": ("{name} Kommune", "Municipality of {name}"),
    "menu": ("Menu", "Menu"),
    "menu.inbox": ("Indbakke", "Inbox"),
    "menu.cases": ("Mine sager", "My cases"),
    "logout": ("Log af", "Log off"),
    "language": ("Sprog", "Language"),
    "language.other": ("English", "Dansk"),
    "footer": (
        "Hvert opslag noteres: hvem, hvornår, i hvilken rolle og til hvilket formål.",
        "Every look is recorded: who, when, in which role and for which purpose.",
    ),
    # --- log in
    "login.title": ("Log på", "Log in"),
    "login.username": ("Brugernavn", "Username"),
    "login.password": ("Adgangskode", "Password"),
    "login.submit": ("Log på", "Log in"),
    "login.lasts": (
        "Du er logget på i højst 10 minutter ad gangen.",
        "You are logged in for at most 10 minutes at a time.",
    ),
    "login.failed": (
        "Brugernavn eller adgangskode passer ikke. Prøv igen.",
        "The username or password does not match. Try again.",
    ),
    "login.elsewhere": ("Log på med din organisations login", "Log in with your organisation's login"),
    "login.failed_elsewhere": (
        "Du blev ikke logget på. Prøv igen; hjælper det ikke, mangler dit login adgang til Tværs.",
        "You were not logged in. Try again; if that does not help, your login has no access to Tværs.",
    ),
    "login.nowhere": (
        "Her logges på med kommunens eget login, som endnu ikke er sat op til siderne. API'et kan bruges.",
        "Login is by the municipality's own, which is not set up for the pages yet. The API can be used.",
    ),
    "login.done": ("Du er logget på", "You are logged in"),
    "login.go_on": ("Gå videre", "Go on"),
    "login.stays": (
        "At logge af her logger dig ikke af hos din organisation.",
        "To log out here does not log you out at your organisation.",
    ),
    # --- inbox
    "inbox.title": ("Indbakke", "Inbox"),
    "inbox.lead": (
        "Rapporter, som venter på et menneske. De mest hastende står øverst. En rapport forlader kun "
        "indbakken, når nogen har besluttet noget: at åbne den er ikke nok.",
        "Reports that wait for a person, most urgent first. A report leaves the inbox only when somebody "
        "has decided something: to open it is not enough.",
    ),
    "inbox.empty": ("Ingen rapporter venter.", "No reports are waiting."),
    "inbox.count": ("Rapporter, der venter: {n}", "Reports that wait: {n}"),
    "inbox.report_received": ("Socialrapport", "Social report"),
    "inbox.report_received.when": (
        "Modtaget {when}. Ingen har besluttet noget.",
        "Received {when}. Nothing decided yet.",
    ),
    "inbox.report_supplemented": ("Socialrapport suppleret", "Social report added to"),
    "inbox.report_supplemented.when": (
        "Tilføjet {when}. Venter, til nogen har læst teksten og ladet den gå videre.",
        "Added {when}. Waits until somebody has read its text and let it pass.",
    ),
    "inbox.report_retracted": ("Socialrapport trukket tilbage", "Social report taken back"),
    "inbox.report_retracted.when": (
        "Trukket tilbage {when}. Se, hvad der bygger på den.",
        "Taken back {when}. See what was built on it.",
    ),
    "inbox.unread": ("Endnu ikke læst af et menneske.", "Not yet read by a person."),
    "inbox.read": ("Læst af et menneske.", "Read by a person."),
    "inbox.escalated": (
        "Ingen havde læst den; fristen løb {limit}",
        "Nobody had read it; the time for it ran {limit}",
    ),
    "overdue.title": ("Venter stadig, og fristen er overskredet", "Still waiting, past the deadline"),
    "overdue.item": ("{what}; fristen løb {limit}", "{what}; the time for it ran {limit}"),
    "inbox.open": ("Åbn nr. {n}: rapporten fra {when}", "Open no. {n}: the report of {when}"),
    "inbox.child": ("Underretning om et barn", "Child notification"),
    "inbox.child.due": (
        "Skal besvares af et menneske. Fristen løber {limit}.",
        "A person must answer. The time for it runs {limit}.",
    ),
    "inbox.child.late": (
        "Fristen for at svare løb {limit}. Besvar den nu.",
        "The time to answer ran {limit}. Answer it now.",
    ),
    "inbox.children": (
        "Underretninger, der venter på svar: {n}",
        "Child notifications that wait for an answer: {n}",
    ),
    "inbox.child.not_yours": (
        "Besvares af sagens tovholder; har sagen ingen, af en visitator.",
        "The case's coordinator answers it; a caseworker, where there is none.",
    ),
    "inbox.child.open": (
        "Åbn nr. {n}: sagen med svarfrist {limit}",
        "Open no. {n}: the case with time to answer {limit}",
    ),
    "inbox.emergency": ("Delt på grund af fare for liv", "Told because a life was in danger"),
    "inbox.emergency.due": (
        "Gennemgås af den organisatoriske tovholder. Fristen løber {limit}.",
        "The programme lead reviews it. The time for it runs {limit}.",
    ),
    "inbox.emergency.late": (
        "Skulle have været gennemgået: fristen løb {limit}.",
        "Should have been reviewed: the time for it ran {limit}.",
    ),
    "inbox.emergencies": (
        "Delinger ved fare for liv, der venter på gennemgang: {n}",
        "Emergencies that wait for review: {n}",
    ),
    "inbox.damaged": (
        "Kan ikke åbnes: det gemte er beskadiget. Ring til programlederen nu.",
        "Can't be opened: what is stored is damaged. Call the programme lead now.",
    ),
    "inbox.not_yours": ("Åbnes af en visitator.", "A caseworker opens it."),
    "inbox.in_a_case": (
        "Åbnes af sagens tovholder; har sagen ingen, af en visitator.",
        "The case's coordinator opens it; a caseworker, where there is none.",
    ),
    # --- the tovholder's own cases
    "cases.title": ("Mine sager", "My cases"),
    "cases.lead": (
        "Sager, du er tovholder for eller stedfortræder i. Hver sag på listen noteres som et opslag.",
        "Cases that you coordinate or stand in for. Each case on the list is recorded as a look.",
    ),
    "cases.none": ("Du har ingen sager.", "You have no cases."),
    "cases.damaged": (
        "Sager, du har fået, som ikke kan åbnes: {n}. Det gemte er beskadiget. Ring til programlederen nu.",
        "Cases of yours that can't be opened: {n}. What is stored is damaged. Call the programme lead now.",
    ),
    "cases.case": ("Sag {number}", "Case {number}"),
    "cases.stands_in": ("Du er stedfortræder {limit}.", "You stand in {limit}."),
    "cases.open": ("Åbn sag {number}", "Open case {number}"),
    "find.title": ("Åbn en sag", "Open a case"),
    "find.case": ("Sagens link eller nummer", "The case's link or number"),
    "find.hint": (
        "Linket, id'et i det, eller nummeret på en sag, der er din. Skriv aldrig navn eller CPR-nummer her.",
        "The link, the id in it, or the number of a case of yours. Never write a name or CPR number here.",
    ),
    "find.submit": ("Åbn", "Open"),
    "purpose": ("Formål med opslaget", "Purpose of the look"),
    "purpose.title": ("Hvorfor åbner du sagen?", "Why do you open the case?"),
    "purpose.lead": (
        "Formålet noteres sammen med dit navn, før sagen vises.",
        "The purpose is recorded with your name before the case is shown.",
    ),
    # --- the timeline's page
    "case.title": ("Tidslinje – sag {number}", "Timeline – case {number}"),
    "case.title.inquiry": ("Tidslinje – henvendelse", "Timeline – inquiry"),
    "case.state": ("Status", "State"),
    "case.coordinator": ("Tovholder", "Coordinator"),
    "case.coordinator.none": ("Ingen endnu", "Nobody yet"),
    "case.level": ("Sikkerhedsniveau", "Safety level"),
    "case.level.none": ("Ikke vurderet", "Not assessed"),
    "case.look": ("Dit formål", "Your purpose"),
    "warning.title": ("Tænk på sikkerheden før kontakt", "Think of safety before any contact"),
    "warning.safe_contact": (
        "Der findes regler for sikker kontakt.",
        "There are rules for safe contact.",
    ),
    "warning.protected_address": (
        "Adressen er beskyttet, eller skal behandles som beskyttet.",
        "The address is protected, or is to be treated as protected.",
    ),
    "warning.fetch": (
        "De vises ikke her. De hentes af en navngiven person med et formål, og opslaget noteres.",
        "They are not shown here. A named person fetches them with a purpose, and that is recorded.",
    ),
    "case.child": ("Et barn er i fare", "A child is at risk"),
    "case.child.due": (
        "{what}: underretningen venter på et svar fra et menneske. Fristen løber {limit}.",
        "{what}: the notification waits for a person's answer. The time for it runs {limit}.",
    ),
    "case.child.late": (
        "{what}: fristen for at svare på underretningen løb {limit}. Besvar den nu.",
        "{what}: the time to answer the notification ran {limit}. Answer it now.",
    ),
    "case.child.unread": ("Et barn er i fare", "A child is at risk"),
    "unasked": (
        "Det er ikke sikkert at spørge borgeren om samtykke: {reason}. Det er hverken et ja eller et nej, og "
        "uden samtykke må intet deles. Fristen for at se på det igen løber {limit}.",
        "It is not safe to ask the citizen for consent: {reason}. That is neither a yes nor a no, and "
        "without a consent nothing may be shared. The time to look at it again runs {limit}.",
    ),
    "block_list.consider": (
        "En rapport siger, at ansatte er involveret. Overvej spærrelisten: hvem må slet ikke se sagen?",
        "A report says that staff are involved. Consider the block list: who must not see the case at all?",
    ),
    "unread": (
        "Fritekst, som ingen har læst igennem: {n}. Den vises først, når en navngiven person har læst den "
        "og set, at den ikke røber, hvor borgeren er.",
        "Free text that nobody has read through: {n}. It is shown only once a named person has read it and "
        "seen that it gives away no whereabouts.",
    ),
    "timeline.title": ("Hændelser", "Events"),
    "timeline.empty": ("Her er intet, du kan åbne.", "There is nothing here that you can open."),
    "source.unknown": ("Ukendt afsender", "Unknown source"),
    "timeline.urgency": ("Hastegrad", "Urgency"),
    "timeline.deadline": ("Svarfrist: {limit}", "Time to answer: {limit}"),
    "timeline.corrected": (
        "Rettet senere: {n} oplysninger her gælder ikke længere. Se rettelsen.",
        "Corrected later: {n} entries here stand no longer. See the correction.",
    ),
    "timeline.closed": (
        "Dele, der ikke længere kan åbnes: {n}. Samtykket eller hjemlen er ophørt, eller oplysningerne "
        "er slettet.",
        "Parts that can no longer be opened: {n}. The consent or legal basis has ended, or they are erased.",
    ),
    "timeline.unshown": (
        "Oplysninger, som denne side ikke kan vise endnu: {n}.",
        "Details that this page can't show yet: {n}.",
    ),
    "timeline.details": ("Oplysninger", "Details"),
    "timeline.grave": ("Faresignal", "Danger sign"),
    "ban.criminal_investigation": (
        "Må ikke bruges til strafferetlig efterforskning.",
        "Must not be used for criminal investigation.",
    ),
    "person.nth": ("{role} {n}", "{role} {n}"),
    "person.apart": ("En anden person i sagen", "Another person in the matter"),
    "note.report_received": (
        "Modtaget betyder ikke læst, og læst betyder ikke, at nogen har handlet.",
        "Received does not mean read, and read does not mean acted on.",
    ),
    "note.referral_requested": (
        "Sendt betyder ikke modtaget.",
        "Sent does not mean received.",
    ),
    "note.referral_received": (
        "Modtagerens system har den. Det siger ikke, at nogen har læst den.",
        "The recipient's system has it. That does not say that anybody has read it.",
    ),
    "note.referral_accepted": (
        "Et menneske hos modtageren har sagt ja. Tilbuddet er ikke begyndt.",
        "A person at the recipient has said yes. The offer has not begun.",
    ),
    "note.report_supplemented": (
        "Lægger noget til en tidligere rapport. Den er modtaget, ikke læst.",
        "Adds to an earlier report. It is received, not read.",
    ),
    "note.report_retracted": (
        "Rapporten gælder ikke længere. Se på det, der bygger på den, og beslut, hvad der skal ske.",
        "What the report told stands no longer. Look at what was built on it, and decide what is to be done.",
    ),
    "note.entry_corrected": (
        "Står i stedet for noget, der var forkert. Hvem der fik det at vide, får også rettelsen.",
        "Stands in the place of what was wrong. Whoever was told that is told the correction.",
    ),
    "note.contact_decided": (
        "Hvordan kontakten tages, står ikke her: det hentes af en navngiven person med et formål.",
        "How contact is made does not stand here: a named person fetches it with a purpose.",
    ),
    "note.consent_unsafe_to_ask": (
        "Hverken et ja eller et nej. Uden samtykke må intet deles.",
        "Neither a yes nor a no. Without a consent nothing may be shared.",
    ),
    "note.child_notification_due": (
        "Pligten til at underrette gælder uanset samtykke. Et menneske skal svare; intet andet lukker den.",
        "The duty to notify holds whatever the consents say. A person must answer; nothing else closes it.",
    ),
    "note.minor_flagged": (
        "Er modtaget som enhver anden rapport, men bliver aldrig en voksensag.",
        "Received as any report, and never becomes an adult case.",
    ),
    "note.citizen_declined": (
        "Et nej lukker ingen døre. Samtykker trækkes tilbage for sig.",
        "A no closes no door. Consents are withdrawn by themselves.",
    ),
    "note.ended": ("Gjaldt: {to}.", "It covered: {to}."),
    # --- the two tables
    "referrals.title": ("Henvisninger", "Referrals"),
    "referrals.shut": (
        "Modtageren kan ikke længere åbne den: intet samtykke eller grundlag bærer den.",
        "The recipient can open it no more: no consent or legal basis carries it.",
    ),
    "referrals.none": ("Ingen henvisninger.", "No referrals."),
    "column.recipient": ("Modtager", "Recipient"),
    "column.offer": ("Tilbud", "Offer"),
    "column.status": ("Status", "Status"),
    "column.deadline": ("Svarfrist", "Time to answer"),
    "bases.title": ("Samtykker og hjemmel", "Consents and legal bases"),
    "bases.none": ("Ingen samtykker og ingen anden hjemmel.", "No consents and no other legal basis."),
    "column.basis": ("Grundlag", "Basis"),
    "column.categories": ("Oplysninger", "Information"),
    "basis.consent": ("Samtykke", "Consent"),
    "basis.valid": ("Gælder {limit}", "Valid {limit}"),
    "basis.partly": ("Gælder delvist {limit}", "Partly valid {limit}"),
    "basis.withdrawn": ("Trukket tilbage {when}", "Withdrawn {when}"),
    "basis.expired": ("Udløbet: gjaldt {limit}", "Expired: it was valid {limit}"),
    "basis.not_justified": ("Ikke berettiget, ophørt {when}", "Not justified, ended {when}"),
    "basis.ended": ("Ophørt {when}", "Ended {when}"),
    "basis.withdrawn.part": ("Trukket tilbage {when}: {what}", "Withdrawn {when}: {what}"),
    "basis.corrected": ("Noteret forkert, rettet {when}", "Recorded wrongly, corrected {when}"),
    "basis.corrected.part": (
        "Noteret forkert, rettet {when}: {what}",
        "Recorded wrongly, corrected {when}: {what}",
    ),
    # --- what went wrong
    "problem.404": (
        "Der er ingen sådan side, eller ingen for dig.",
        "There is no such page, or none for you.",
    ),
    "problem.403": (
        "Din rolle har ingen sider her, eller dit login er stoppet.",
        "Your role has no pages here, or your login is stopped.",
    ),
    "problem.413": ("Det sendte er for stort.", "What was sent is too large."),
    "problem.422": ("Noget i det sendte passer ikke.", "Something in what was sent does not fit."),
    "problem.503": (
        "En del af systemet svarer ikke. Intet er gjort. Prøv igen om lidt.",
        "A part of the system does not answer. Nothing was done. Try again in a moment.",
    ),
    "problem.500": (
        "Noget gik galt i systemet. Intet er gjort.",
        "Something went wrong here. Nothing was done.",
    ),
    "problem.form": (
        "Formularen blev sendt fra en anden side end vores. Intet er gjort.",
        "The form was sent from another site than ours. Nothing was done.",
    ),
    "problem.login": ("Log på", "Log in"),
    "problem.back": ("Til indbakken", "To the inbox"),
}
"""A key → (Danish, English)."""
