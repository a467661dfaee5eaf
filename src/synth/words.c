/*
 * words.c: the tables of words.h, and choosing from them.
 */
#include "synth/words.h"

#include <ctype.h>
#include <string.h>

#define P SL_NOUN_PERSON
#define A SL_NOUN_ANIMAL
#define F SL_NOUN_FOOD
#define T SL_NOUN_THING
#define L SL_NOUN_PLACE
#define V SL_NOUN_VEHICLE
#define G SL_NOUN_PLANT
#define U SL_NOUN_FURNITURE
#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const struct sl_noun nouns[] = {
    {"teacher", "teachers", P},
    {"farmer", "farmers", P},
    {"doctor", "doctors", P},
    {"girl", "girls", P},
    {"boy", "boys", P},
    {"woman", "women", P},
    {"man", "men", P},
    {"child", "children", P},
    {"baker", "bakers", P},
    {"painter", "painters", P},
    {"driver", "drivers", P},
    {"student", "students", P},
    {"friend", "friends", P},
    {"neighbour", "neighbours", P},
    {"pilot", "pilots", P},
    {"nurse", "nurses", P},
    {"sailor", "sailors", P},
    {"cook", "cooks", P},
    {"singer", "singers", P},
    {"king", "kings", P},
    {"queen", "queens", P},
    {"grandmother", "grandmothers", P},
    {"dog", "dogs", A},
    {"cat", "cats", A},
    {"horse", "horses", A},
    {"cow", "cows", A},
    {"sheep", "sheep", A},
    {"goat", "goats", A},
    {"mouse", "mice", A},
    {"rabbit", "rabbits", A},
    {"fox", "foxes", A},
    {"wolf", "wolves", A},
    {"bear", "bears", A},
    {"lion", "lions", A},
    {"elephant", "elephants", A},
    {"monkey", "monkeys", A},
    {"duck", "ducks", A},
    {"goose", "geese", A},
    {"hen", "hens", A},
    {"owl", "owls", A},
    {"eagle", "eagles", A},
    {"fish", "fish", A},
    {"frog", "frogs", A},
    {"turtle", "turtles", A},
    {"bee", "bees", A},
    {"spider", "spiders", A},
    {"apple", "apples", F},
    {"pear", "pears", F},
    {"banana", "bananas", F},
    {"orange", "oranges", F},
    {"cherry", "cherries", F},
    {"tomato", "tomatoes", F},
    {"potato", "potatoes", F},
    {"carrot", "carrots", F},
    {"egg", "eggs", F},
    {"sandwich", "sandwiches", F},
    {"cake", "cakes", F},
    {"cookie", "cookies", F},
    {"loaf of bread", "loaves of bread", F},
    {"strawberry", "strawberries", F},
    {"ball", "balls", T},
    {"book", "books", T},
    {"cup", "cups", T},
    {"key", "keys", T},
    {"pen", "pens", T},
    {"hat", "hats", T},
    {"knife", "knives", T},
    {"spoon", "spoons", T},
    {"plate", "plates", T},
    {"box", "boxes", T},
    {"bag", "bags", T},
    {"umbrella", "umbrellas", T},
    {"clock", "clocks", T},
    {"camera", "cameras", T},
    {"phone", "phones", T},
    {"letter", "letters", T},
    {"map", "maps", T},
    {"brush", "brushes", T},
    {"bottle", "bottles", T},
    {"basket", "baskets", T},
    {"kite", "kites", T},
    {"drum", "drums", T},
    {"coin", "coins", T},
    {"stone", "stones", T},
    {"button", "buttons", T},
    {"candle", "candles", T},
    {"hammer", "hammers", T},
    {"scarf", "scarves", T},
    {"ring", "rings", T},
    {"toy", "toys", T},
    {"house", "houses", L},
    {"school", "schools", L},
    {"garden", "gardens", L},
    {"park", "parks", L},
    {"library", "libraries", L},
    {"kitchen", "kitchens", L},
    {"market", "markets", L},
    {"forest", "forests", L},
    {"beach", "beaches", L},
    {"station", "stations", L},
    {"museum", "museums", L},
    {"farm", "farms", L},
    {"office", "offices", L},
    {"shop", "shops", L},
    {"village", "villages", L},
    {"city", "cities", L},
    {"river", "rivers", L},
    {"bridge", "bridges", L},
    {"castle", "castles", L},
    {"island", "islands", L},
    {"car", "cars", V},
    {"bus", "buses", V},
    {"train", "trains", V},
    {"boat", "boats", V},
    {"bicycle", "bicycles", V},
    {"truck", "trucks", V},
    {"plane", "planes", V},
    {"ship", "ships", V},
    {"tree", "trees", G},
    {"flower", "flowers", G},
    {"rose", "roses", G},
    {"bush", "bushes", G},
    {"oak", "oaks", G},
    {"sunflower", "sunflowers", G},
    {"table", "tables", U},
    {"chair", "chairs", U},
    {"bed", "beds", U},
    {"shelf", "shelves", U},
    {"lamp", "lamps", U},
    {"sofa", "sofas", U},
    {"desk", "desks", U},
    {"cupboard", "cupboards", U},
};

static const struct sl_verb verbs[] = {
    {"sleep", "sleeps", "slept", "slept", "sleeping", 0},
    {"run", "runs", "ran", "run", "running", 0},
    {"jump", "jumps", "jumped", "jumped", "jumping", 0},
    {"sing", "sings", "sang", "sung", "singing", 0},
    {"laugh", "laughs", "laughed", "laughed", "laughing", 0},
    {"swim", "swims", "swam", "swum", "swimming", 0},
    {"wait", "waits", "waited", "waited", "waiting", 0},
    {"smile", "smiles", "smiled", "smiled", "smiling", 0},
    {"dance", "dances", "danced", "danced", "dancing", 0},
    {"fall", "falls", "fell", "fallen", "falling", 0},
    {"arrive", "arrives", "arrived", "arrived", "arriving", 0},
    {"hide", "hides", "hid", "hidden", "hiding", 0},
    {"see", "sees", "saw", "seen", "seeing", SL_NOUN_ANY},
    {"find", "finds", "found", "found", "finding", SL_NOUN_ANY},
    {"draw", "draws", "drew", "drawn", "drawing", SL_NOUN_ANY},
    {"remember", "remembers", "remembered", "remembered", "remembering", SL_NOUN_ANY},
    {"describe", "describes", "described", "described", "describing", SL_NOUN_ANY},
    {"love", "loves", "loved", "loved", "loving", SL_NOUN_ANY},
    {"photograph", "photographs", "photographed", "photographed", "photographing", SL_NOUN_ANY},
    {"eat", "eats", "ate", "eaten", "eating", F},
    {"cut", "cuts", "cut", "cut", "cutting", F | G},
    {"buy", "buys", "bought", "bought", "buying", F | T | V | U},
    {"sell", "sells", "sold", "sold", "selling", F | T | V | U | A},
    {"carry", "carries", "carried", "carried", "carrying", F | T | U},
    {"bring", "brings", "brought", "brought", "bringing", F | T},
    {"take", "takes", "took", "taken", "taking", F | T},
    {"lose", "loses", "lost", "lost", "losing", T},
    {"break", "breaks", "broke", "broken", "breaking", T | U},
    {"hold", "holds", "held", "held", "holding", T | F},
    {"throw", "throws", "threw", "thrown", "throwing", T},
    {"wash", "washes", "washed", "washed", "washing", T | F | V},
    {"paint", "paints", "painted", "painted", "painting", T | U | L},
    {"repair", "repairs", "repaired", "repaired", "repairing", V | U},
    {"drive", "drives", "drove", "driven", "driving", V},
    {"stop", "stops", "stopped", "stopped", "stopping", V},
    {"visit", "visits", "visited", "visited", "visiting", P | L},
    {"help", "helps", "helped", "helped", "helping", P | A},
    {"follow", "follows", "followed", "followed", "following", P | A | V},
    {"feed", "feeds", "fed", "fed", "feeding", A},
    {"meet", "meets", "met", "met", "meeting", P},
    {"teach", "teaches", "taught", "taught", "teaching", P},
    {"call", "calls", "called", "called", "calling", P},
    {"water", "waters", "watered", "watered", "watering", G},
    {"plant", "plants", "planted", "planted", "planting", G},
    {"leave", "leaves", "left", "left", "leaving", L},
    {"clean", "cleans", "cleaned", "cleaned", "cleaning", U | T | L},
    {"build", "builds", "built", "built", "building", L | V | U},
};

static const struct sl_adjective adjectives[] = {
    {"big", "bigger", "biggest", "small", A | T | L | V | G | U | F},
    {"small", "smaller", "smallest", "big", A | T | L | V | G | U | F | P},
    {"tall", "taller", "tallest", "short", P | G},
    {"old", "older", "oldest", "young", P | A | G},
    {"young", "younger", "youngest", "old", P | A | G},
    {"new", "newer", "newest", "old", T | V | U | L},
    {"fast", "faster", "fastest", "slow", A | V | P},
    {"slow", "slower", "slowest", "fast", A | V | P},
    {"strong", "stronger", "strongest", "weak", P | A},
    {"heavy", "heavier", "heaviest", "light", T | U | V},
    {"light", "lighter", "lightest", "heavy", T | U},
    {"long", "longer", "longest", "short", T | V},
    {"clean", "cleaner", "cleanest", "dirty", T | V | U | L | A},
    {"dirty", "dirtier", "dirtiest", "clean", T | V | U | L | A},
    {"happy", "happier", "happiest", "sad", P | A},
    {"sad", "sadder", "saddest", "happy", P | A},
    {"sweet", "sweeter", "sweetest", "sour", F},
    {"fresh", "fresher", "freshest", "stale", F},
    {"quiet", "quieter", "quietest", "loud", P | A | L},
    {"loud", "louder", "loudest", "quiet", P | A},
    {"cheap", "cheaper", "cheapest", "expensive", T | V | U | F},
    {"kind", "kinder", "kindest", "unkind", P},
    {"brave", "braver", "bravest", "afraid", P | A},
    {"warm", "warmer", "warmest", "cold", L | F},
    {"cold", "colder", "coldest", "warm", L | F},
    {"bright", "brighter", "brightest", "dark", L | T},
    {"dark", "darker", "darkest", "bright", L},
    {"empty", "emptier", "emptiest", "full", L},
    {"round", "rounder", "roundest", "square", T | U},
    {"thick", "thicker", "thickest", "thin", T | G},
    {"thin", "thinner", "thinnest", "thick", T | A},
    {"hungry", "hungrier", "hungriest", "full", P | A},
};

static const struct sl_name names[] = {
    {"Anna", "she", "her", "her"},  {"Ben", "he", "him", "his"},    {"Clara", "she", "her", "her"},
    {"David", "he", "him", "his"},  {"Emma", "she", "her", "her"},  {"Finn", "he", "him", "his"},
    {"Grace", "she", "her", "her"}, {"Hugo", "he", "him", "his"},   {"Ivy", "she", "her", "her"},
    {"Jonas", "he", "him", "his"},  {"Kate", "she", "her", "her"},  {"Leo", "he", "him", "his"},
    {"Mia", "she", "her", "her"},   {"Noah", "he", "him", "his"},   {"Olga", "she", "her", "her"},
    {"Peter", "he", "him", "his"},  {"Rosa", "she", "her", "her"},  {"Sam", "he", "him", "his"},
    {"Tina", "she", "her", "her"},  {"Uwe", "he", "him", "his"},    {"Vera", "she", "her", "her"},
    {"Will", "he", "him", "his"},   {"Zoe", "she", "her", "her"},   {"Yusuf", "he", "him", "his"},
    {"Mei", "she", "her", "her"},   {"Arjun", "he", "him", "his"},  {"Fatima", "she", "her", "her"},
    {"Diego", "he", "him", "his"},  {"Lucia", "she", "her", "her"}, {"Kenji", "he", "him", "his"},
    {"Nadia", "she", "her", "her"}, {"Oscar", "he", "him", "his"},  {"Ella", "she", "her", "her"},
    {"Marco", "he", "him", "his"},  {"Sofia", "she", "her", "her"}, {"Tom", "he", "him", "his"},
    {"Lily", "she", "her", "her"},  {"Max", "he", "him", "his"},    {"Ruth", "she", "her", "her"},
    {"Omar", "he", "him", "his"},
};

const struct sl_noun *sl_word_noun(const struct sl_synth_request *r, unsigned kinds)
{
    for (;;) {
        const struct sl_noun *n = &nouns[sl_synth_int(r, 0, COUNT(nouns) - 1)];
        if (n->kind & kinds) return n;
    }
}

const struct sl_verb *sl_word_verb(const struct sl_synth_request *r, unsigned takes)
{
    for (;;) {
        const struct sl_verb *v = &verbs[sl_synth_int(r, 0, COUNT(verbs) - 1)];
        if (takes ? (v->takes & takes) != 0 : v->takes == 0) return v;
    }
}

const struct sl_adjective *sl_word_adjective(const struct sl_synth_request *r, unsigned fits)
{
    for (;;) {
        const struct sl_adjective *a = &adjectives[sl_synth_int(r, 0, COUNT(adjectives) - 1)];
        if (a->fits & fits) return a;
    }
}

const struct sl_name *sl_word_name(const struct sl_synth_request *r)
{
    return &names[sl_synth_choose(r, COUNT(names))];
}

const char *sl_word_article(const char *word)
{
    return strchr("aeiouAEIOU", word[0]) ? "an" : "a";
}

static const char *const units[] = {
    "zero", "one",    "two",    "three",    "four",     "five",    "six",     "seven",     "eight",    "nine",
    "ten",  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
};
static const char *const tens[] = {"",      "",      "twenty",  "thirty", "forty",
                                   "fifty", "sixty", "seventy", "eighty", "ninety"};

/* The words for 0 <= n < 100. */
static void below_hundred(struct sl_buf *b, int n)
{
    if (n < 20) {
        sl_buf_addstr(b, units[n]);
    } else {
        sl_buf_addstr(b, tens[n / 10]);
        if (n % 10) sl_buf_addf(b, "-%s", units[n % 10]);
    }
}

static void below_thousand(struct sl_buf *b, int n)
{
    if (n >= 100) {
        sl_buf_addf(b, "%s hundred", units[n / 100]);
        if (n % 100 == 0) return;
        sl_buf_addstr(b, " and ");
    }
    below_hundred(b, n % 100);
}

void sl_word_number(struct sl_buf *b, int n)
{
    if (n >= 1000) {
        below_thousand(b, n / 1000);
        sl_buf_addstr(b, " thousand");
        if (n % 1000 == 0) return;
        sl_buf_addstr(b, n % 1000 < 100 ? " and " : ", ");
    }
    below_thousand(b, n % 1000);
}

void sl_word_ordinal(struct sl_buf *b, int n)
{
    static const char *const words[] = {"zeroth", "first",   "second", "third", "fourth", "fifth",
                                        "sixth",  "seventh", "eighth", "ninth", "tenth"};
    if (n >= 0 && n <= 10) {
        sl_buf_addstr(b, words[n]);
        return;
    }
    bool teen = n / 10 % 10 == 1;
    const char *end = teen ? "th" : n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
    sl_buf_addf(b, "%d%s", n, end);
}

void sl_word_capital(struct sl_buf *b, const char *text)
{
    if (!text[0]) return;
    sl_buf_addch(b, (char)toupper((unsigned char)text[0]));
    sl_buf_addstr(b, text + 1);
}
