/*
 * vocab_lists.c: the lists behind vocab.h.
 */
#include "synth/vocab_lists.h"

#define LIST(...)                                                                                                      \
    {                                                                                                                  \
        .items = (const char *const[]){__VA_ARGS__},                                                                   \
        .n = (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))                                        \
    }

static const struct sl_vocab_list named[SL_N_VOCAB_KINDS] = {
    [SL_VOCAB_PERSON] = LIST("Anna", "Boris", "Chloe", "David", "Elena", "Farid", "Grace", "Hugo", "Irene", "Jonas",
                             "Kira", "Liam", "Maya", "Nils", "Olga", "Pablo", "Quinn", "Rosa", "Samir", "Tara", "Uwe",
                             "Vera", "Walter", "Xenia", "Yusuf", "Zoe", "Akira", "Bianca", "Carlos", "Dana"),
    [SL_VOCAB_SURNAME] = LIST("Adams", "Becker", "Castillo", "Dubois", "Eriksen", "Fischer", "Garcia", "Hansen",
                              "Ivanov", "Jensen", "Kowalski", "Lopez", "Murphy", "Novak", "Okafor", "Petrov", "Quist",
                              "Rossi", "Schmidt", "Tanaka", "Ueda", "Virtanen", "Weber", "Xu", "Yilmaz", "Zhang"),
    [SL_VOCAB_CITY] =
        LIST("Athens", "Bergen", "Cairo", "Dublin", "Essen", "Florence", "Geneva", "Havana", "Istanbul", "Jakarta",
             "Kyoto", "Lisbon", "Madrid", "Nairobi", "Oslo", "Prague", "Quito", "Riga", "Seoul", "Tunis", "Utrecht",
             "Vienna", "Warsaw", "Xiamen", "York", "Zagreb", "Boston", "Lima"),
    [SL_VOCAB_COUNTRY] = LIST("Austria", "Brazil", "Canada", "Denmark", "Egypt", "Finland", "Greece", "Hungary",
                              "India", "Japan", "Kenya", "Latvia", "Mexico", "Norway", "Oman", "Peru", "Qatar",
                              "Romania", "Spain", "Turkey", "Uganda", "Vietnam", "Yemen", "Zambia", "Chile", "Italy"),
    [SL_VOCAB_COMPANY] =
        LIST("Acorn Foods", "Blue Harbor", "Cedar & Co", "Delta Works", "Evergreen", "Falcon Tools", "Golden Gate",
             "Harvest", "Ironbridge", "Juniper", "Kestrel", "Lakeside", "Maple Leaf", "Northwind", "Orchid", "Pinnacle",
             "Quarry", "Redwood", "Silverline", "Tidewater", "Umbra", "Vertex", "Willow", "Zenith"),
    [SL_VOCAB_PRODUCT] = LIST("Apple juice", "Batteries", "Brown bread", "Butter", "Candles", "Cheddar", "Coffee beans",
                              "Dish soap", "Eggs", "Flour", "Garlic", "Green tea", "Honey", "Ice cream", "Jam",
                              "Ketchup", "Light bulb", "Milk", "Mineral water", "Notebook", "Olive oil", "Orange",
                              "Paper towels", "Pasta", "Pencils", "Pepper", "Rice", "Salmon", "Salt", "Shampoo",
                              "Sponge", "Sugar", "Tomatoes", "Toothpaste", "Umbrella", "Vinegar", "Walnuts", "Yogurt"),
    [SL_VOCAB_FRUIT] = LIST("Apples", "Bananas", "Cherries", "Dates", "Figs", "Grapes", "Kiwis", "Lemons", "Mangoes",
                            "Oranges", "Papayas", "Pears", "Plums", "Quinces", "Raspberries", "Melons"),
    [SL_VOCAB_ANIMAL] =
        LIST("Badger", "Camel", "Deer", "Eagle", "Fox", "Goat", "Heron", "Ibis", "Jackal", "Koala", "Lynx", "Moose",
             "Newt", "Otter", "Panda", "Quail", "Rabbit", "Seal", "Tiger", "Walrus", "Yak", "Zebra"),
    [SL_VOCAB_SPORT] = LIST("Archery", "Boxing", "Cycling", "Diving", "Fencing", "Golf", "Handball", "Judo", "Karate",
                            "Rowing", "Sailing", "Skating", "Squash", "Surfing", "Swimming", "Tennis"),
    [SL_VOCAB_SUBJECT] = LIST("Algebra", "Art", "Biology", "Chemistry", "Drama", "English", "French", "Geography",
                              "History", "Latin", "Music", "Physics", "Spanish", "Statistics"),
    [SL_VOCAB_DEPARTMENT] = LIST("Sales", "Legal", "Finance", "Support", "Design", "Research", "Logistics", "Security",
                                 "Training", "Quality", "Planning", "Marketing", "Purchasing", "Payroll"),
    [SL_VOCAB_STREET] = LIST("Oak Street", "Mill Lane", "Station Road", "High Street", "River Walk", "Park Avenue",
                             "Church Hill", "Market Square", "Garden Way", "Harbor Drive", "Bridge Street",
                             "Castle Row", "Elm Court", "Forest Path", "King Street", "Lake View"),
    [SL_VOCAB_MONTH] = LIST("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    [SL_VOCAB_WEEKDAY] = LIST("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
    [SL_VOCAB_STEP] = LIST("Check the order", "Send an invoice", "Pack the box", "Call the client", "Print a label",
                           "Update the list", "Write a report", "Open a ticket", "Close the ticket", "Weigh the parcel",
                           "Scan the code", "Ask a manager", "Refund the money", "Clean the filter", "Replace the part",
                           "Restart the pump", "Log the error", "Sort the mail", "Measure the width", "Cut the board",
                           "Paint the frame", "Heat the water", "Add the sugar", "Mix the dough", "Test the circuit",
                           "Save the file", "Load the data", "Train the model", "Draw a sample", "Sign the form",
                           "Book a room", "Order supplies", "Count the stock", "Archive the case"),
    [SL_VOCAB_CONDITION] =
        LIST("Is it paid?", "In stock?", "Any errors?", "Over 50 kg?", "Is it urgent?", "Valid code?", "Door open?",
             "Signal green?", "Too hot?", "Is it signed?", "Room free?", "First visit?", "Battery low?", "Member?",
             "Enough data?", "Fragile?", "After 6 pm?", "Leak found?"),
    [SL_VOCAB_FOLDER] =
        LIST("archive", "backup", "build", "cache", "config", "data", "docs", "drafts", "fonts", "icons", "images",
             "inbox", "kernel", "labels", "maps", "media", "models", "music", "notes", "photos", "plots", "plugins",
             "projects", "recipes", "reports", "scans", "scripts", "source", "tables", "tests", "tools", "videos"),
};

static const struct sl_vocab_list plain[SL_N_SCRIPTS] = {
    [SL_SCRIPT_LATIN] =
        LIST("the", "of", "and", "with", "for", "river", "window", "morning", "paper", "music", "garden", "yellow",
             "quickly", "between", "mountain", "teacher", "engine", "winter", "market", "signal", "bridge", "silver",
             "copper", "harvest", "island", "journey", "kitchen", "library", "machine", "number", "office", "people",
             "quarter", "record", "season", "travel", "under", "village", "weather", "young", "ancient", "better",
             "coffee", "distance", "evening", "forest", "gather", "height", "inside", "jungle", "keeper", "ladder",
             "measure", "narrow", "orange", "pencil", "queen", "rapid", "shadow", "timber", "useful", "valley",
             "wonder", "yesterday", "zero", "animal", "border", "candle", "doctor", "energy", "figure", "glass",
             "honest", "image", "jacket", "knife", "letter", "modern", "nature", "object", "planet", "quiet", "result",
             "simple", "thunder", "unit", "voice", "whole", "extra", "city", "über", "größe", "straße", "schön", "café",
             "élève", "forêt", "garçon", "année", "señal", "mañana", "corazón", "camión", "ação", "pão", "città",
             "perché", "øre", "ångström", "žena", "łódź", "świat", "büro", "müde", "noël"),
    [SL_SCRIPT_GREEK] =
        LIST("και", "το", "η", "από", "για", "με", "θάλασσα", "βουνό", "δρόμος", "πόλη", "χωριό", "σχολείο", "βιβλίο",
             "παράθυρο", "πόρτα", "νερό", "ψωμί", "φως", "νύχτα", "ημέρα", "καλοκαίρι", "χειμώνας", "άνοιξη",
             "φθινόπωρο", "δέντρο", "λουλούδι", "άνθρωπος", "παιδί", "γυναίκα", "άνδρας", "φίλος", "δουλειά", "σπίτι",
             "κήπος", "ποτάμι", "λίμνη", "ουρανός", "ήλιος", "φεγγάρι", "αστέρι", "μουσική", "γράμμα", "λέξη",
             "ιστορία", "αριθμός", "χρόνος", "αγορά", "τιμή", "εισιτήριο", "σταθμός", "τρένο", "πλοίο", "λιμάνι",
             "νησί", "ζέστη", "κρύο", "μεγάλος", "μικρός", "παλιός", "νέος", "γρήγορα", "αργά", "πάντα", "ποτέ",
             "σήμερα", "αύριο", "χθες", "εδώ", "εκεί"),
    [SL_SCRIPT_CYRILLIC] =
        LIST("и", "в", "на", "для", "из", "река", "город", "дорога", "окно", "книга", "школа", "учитель", "письмо",
             "работа", "время", "человек", "ребёнок", "женщина", "друг", "вода", "хлеб", "молоко", "зима", "весна",
             "лето", "осень", "утро", "вечер", "ночь", "день", "неделя", "месяц", "солнце", "луна", "звезда", "дерево",
             "цветок", "лес", "поле", "озеро", "море", "остров", "корабль", "поезд", "станция", "билет", "рынок",
             "цена", "число", "музыка", "слово", "история", "новый", "старый", "большой", "маленький", "быстро", "тихо",
             "всегда", "сегодня", "завтра", "вчера", "здесь", "объект", "съезд", "щека", "жизнь", "чашка", "экран",
             "юность", "яблоко", "фонарь", "центр", "шум"),
    [SL_SCRIPT_CHINESE] =
        LIST("我们", "时间", "今天", "城市", "学校", "老师", "学生", "工作", "经济", "发展", "技术", "问题", "世界",
             "国家", "中国", "北京", "上海", "天气", "早上", "晚上", "春天", "夏天", "秋天", "冬天", "音乐", "电影",
             "图书馆", "火车站", "飞机", "汽车", "道路", "河流", "山脉", "海洋", "森林", "花园", "苹果", "牛奶", "咖啡",
             "茶叶", "米饭", "面条", "价格", "数量", "公司", "产品", "市场", "服务", "信息", "系统", "数据", "研究",
             "历史", "文化", "健康", "医院", "家庭", "朋友", "孩子", "大学", "语言", "文字", "颜色", "红色", "蓝色",
             "黄色", "快速", "安全", "重要", "简单", "新鲜", "开始", "结束", "需要", "可以", "通过", "使用", "提高",
             "增加", "减少", "已经", "正在", "非常", "都是"),
};

const struct sl_vocab_list *sl_vocab_named(sl_vocab_kind kind)
{
    return &named[kind];
}

const struct sl_vocab_list *sl_vocab_plain(sl_script script)
{
    return &plain[script];
}
