//! The words rows are made of, in the scripts customers really write in.

/// Given and family names that belong together, with the country code they are likely to live in.
pub const NAMES: &[(&[&str], &[&str], &str)] = &[
    (&["Anna", "Jürgen", "Käthe", "Sören"], &["Müller", "Groß", "von der Höhe", "Weiß"], "DE"),
    (&["Zoë", "François", "Noël", "Agnès"], &["Lefèvre", "D’Arc", "Beaulieu-Saint‑Cyr", "Œuvrard"], "FR"),
    (&["Siobhán", "Liam", "Aoife"], &["O'Brien", "McCarthy", "Ní Dhomhnaill"], "IE"),
    (&["Łukasz", "Żaneta", "Grażyna"], &["Wąsik", "Kowalczyk", "Szczęsny"], "PL"),
    (&["Çağla", "İbrahim", "Işıl"], &["Yıldız", "Öztürk", "Şahin"], "TR"),
    (&["Nguyễn Thị", "Phạm Văn"], &["Hằng", "Đức", "Ngọc Ánh"], "VN"),
    (&["Ελένη", "Γιώργος"], &["Παπαδοπούλου", "Αγγελόπουλος"], "GR"),
    (&["Алёна", "Юрий", "Мария"], &["Щербакова", "Достоевский", "Ёлкина"], "BG"),
    (&["فاطمة", "عبد الله"], &["الزهراء", "بن يوسف"], "MA"),
    (&["נועה", "אברהם"], &["בן־דוד", "לוי"], "IL"),
    (&["अनन्या", "विक्रम"], &["शर्मा", "कृष्णमूर्ति"], "IN"),
    (&["สมชาย", "กุหลาบ"], &["ใจดี", "ศรีสุข"], "TH"),
    (&["美咲", "翔太"], &["佐藤", "髙橋", "渡邉"], "JP"),
    (&["伟", "秀英", "𠮷"], &["王", "欧阳", "張"], "CN"),
    (&["서연", "민준"], &["김", "남궁"], "KR"),
    (&["Ana\u{301}", "Jose\u{301}"], &["Nu\u{303}ez", "Ibáñez"], "ES"),
];

/// Street names; a house number follows.
pub const STREETS: &[&str] = &[
    "Lindenstraße",
    "Rue de l’Église",
    "Calle Mayor",
    "Κηφισίας",
    "улица Шипка",
    "شارع محمد الخامس",
    "דרך יפו",
    "सरदार पटेल मार्ग",
    "ถนนสุขุมวิท",
    "桜木町",
    "中山路",
    "테헤란로",
    "O'Connell Street",
];

/// Cities.
pub const CITIES: &[&str] = &[
    "Köln",
    "Besançon",
    "A Coruña",
    "Αθήνα",
    "София",
    "الرباط",
    "חיפה",
    "मुंबई",
    "กรุงเทพฯ",
    "横浜市",
    "上海",
    "서울",
    "Łódź",
];

/// Top categories and what lies under each.
pub const CATEGORIES: &[(&str, &[&str])] = &[
    ("Kitchen", &["Pans & pots", "Knives", "Tea", "Coffee"]),
    ("Garden", &["Seeds", "Tools", "Pots, planters"]),
    ("Stationery", &["Ink", "Paper", "Pens"]),
    ("Lighting", &["Lamps", "Candles"]),
    ("Outdoor", &["Tents", "Stoves", "Rucksäcke"]),
    ("Books", &["Comics / 漫画", "Poetry", "Maps"]),
];

/// What a product is like, and what it is.
pub const MANNERS: &[&str] =
    &["Little", "Folding", "Enamel", "Grüne", "“Studio”", "Cast‑iron", "旅行", "Café", "N° 5", "50%-wool"];
/// What a product is.
pub const THINGS: &[&str] = &[
    "kettle",
    "lantern",
    "notebook",
    "trowel",
    "teapot 茶壺",
    "fountain pen",
    "blanket",
    "map of Ísland",
    "knife, 12\"",
    "stove",
];
/// Colours, for the attributes.
pub const COLOURS: &[&str] = &["ink", "moss", "rosé", "藍", "brick", "snow"];

/// Titles of reviews.
pub const TITLES: &[&str] =
    &["Lovely", "Not for me", "Très bien !", "Würde ich wieder kaufen", "とても良い", "10/10", "it's \"fine\""];
/// What reviews are put together from: newlines, quotes, tabs, emoji, trailing space.
pub const REMARKS: &[&str] = &[
    "Arrived in two days.",
    "The lid doesn't fit — see photo.",
    "My partner said: \"finally!\"\n",
    "👍🏽👩‍👩‍👧 would buy again ",
    "Kostet zu viel;\tsonst gut.",
    "壊れていました。\r\n返品しました。",
    "a\\b and 'c', 100 % as described",
    "لا بأس به.",
    "🫖☕️",
];

/// Notes on orders.
pub const NOTES: &[&str] = &[
    "Leave with neighbour",
    "Bitte klingeln!",
    "gift: no invoice",
    "",
    "请勿折叠",
    "2nd floor,\nleft door",
    "NULL",
    "n/a ",
];
/// What the audit log records.
pub const ACTIONS: &[&str] = &["login", "logout", "price.change", "order.cancel", "stock.count"];
/// Who the audit log names.
pub const ACTORS: &[&str] = &["system", "import", "zoë@shop.example", "ops"];
