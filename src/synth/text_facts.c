/*
 * text_facts.c: things that people know, as tables, and the sentences and questions that carry them.
 */
#include "synth/text_parts.h"
#include "synth/words.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

struct pair {
    const char *key, *value;
};

static const struct pair capitals[] = {
    {"France", "Paris"},
    {"Germany", "Berlin"},
    {"Italy", "Rome"},
    {"Spain", "Madrid"},
    {"Portugal", "Lisbon"},
    {"Greece", "Athens"},
    {"Norway", "Oslo"},
    {"Sweden", "Stockholm"},
    {"Finland", "Helsinki"},
    {"Denmark", "Copenhagen"},
    {"Poland", "Warsaw"},
    {"Austria", "Vienna"},
    {"Hungary", "Budapest"},
    {"Ireland", "Dublin"},
    {"Japan", "Tokyo"},
    {"China", "Beijing"},
    {"India", "New Delhi"},
    {"South Korea", "Seoul"},
    {"Thailand", "Bangkok"},
    {"Vietnam", "Hanoi"},
    {"Indonesia", "Jakarta"},
    {"Egypt", "Cairo"},
    {"Kenya", "Nairobi"},
    {"Morocco", "Rabat"},
    {"Ghana", "Accra"},
    {"Ethiopia", "Addis Ababa"},
    {"Canada", "Ottawa"},
    {"Mexico", "Mexico City"},
    {"Brazil", "Brasilia"},
    {"Argentina", "Buenos Aires"},
    {"Chile", "Santiago"},
    {"Peru", "Lima"},
    {"Cuba", "Havana"},
    {"Australia", "Canberra"},
    {"New Zealand", "Wellington"},
    {"Turkey", "Ankara"},
    {"Russia", "Moscow"},
    {"Ukraine", "Kyiv"},
    {"Belgium", "Brussels"},
    {"Iceland", "Reykjavik"},
    {"the Netherlands", "Amsterdam"},
    {"the United Kingdom", "London"},
    {"the United States", "Washington, D.C."},
};
static const struct pair continents[] = {
    {"France", "Europe"},       {"Poland", "Europe"},        {"Greece", "Europe"},        {"Japan", "Asia"},
    {"India", "Asia"},          {"Vietnam", "Asia"},         {"Egypt", "Africa"},         {"Kenya", "Africa"},
    {"Ghana", "Africa"},        {"Canada", "North America"}, {"Mexico", "North America"}, {"Brazil", "South America"},
    {"Chile", "South America"}, {"Peru", "South America"},
};
static const struct pair colours_of[] = {
    {"grass", "green"},          {"the sky on a clear day", "blue"},
    {"snow", "white"},           {"coal", "black"},
    {"a ripe banana", "yellow"}, {"a ripe strawberry", "red"},
    {"a carrot", "orange"},      {"chocolate", "brown"},
    {"milk", "white"},           {"blood", "red"},
    {"a lemon", "yellow"},       {"a frog", "green"},
    {"a flamingo", "pink"},      {"an elephant", "gray"},
    {"a plum", "purple"},        {"the inside of a watermelon", "red"},
    {"soil", "brown"},           {"a polar bear", "white"},
    {"a sunflower", "yellow"},   {"a fire engine", "red"},
};
static const struct pair mixes[] = {
    {"red and yellow", "orange"}, {"blue and yellow", "green"}, {"red and blue", "purple"},
    {"red and white", "pink"},    {"black and white", "gray"},
};
static const struct pair sounds[] = {
    {"dog", "barks"},    {"cat", "meows"},  {"cow", "moos"},   {"sheep", "bleats"},
    {"duck", "quacks"},  {"lion", "roars"}, {"bee", "buzzes"}, {"frog", "croaks"},
    {"horse", "neighs"}, {"owl", "hoots"},  {"wolf", "howls"}, {"mouse", "squeaks"},
};
static const struct pair homes[] = {
    {"fish", "water"}, {"bird", "nest"},   {"bee", "hive"},  {"camel", "desert"},  {"monkey", "forest"},
    {"spider", "web"}, {"whale", "ocean"}, {"bear", "cave"}, {"rabbit", "burrow"}, {"polar bear", "Arctic"},
};
static const struct pair legs[] = {
    {"dog", "four"},      {"cat", "four"},      {"horse", "four"}, {"hen", "two"},
    {"duck", "two"},      {"spider", "eight"},  {"bee", "six"},    {"ant", "six"},
    {"fly", "six"},       {"snake", "no"},      {"fish", "no"},    {"human", "two"},
    {"butterfly", "six"}, {"elephant", "four"}, {"octopus", "no"}, {"frog", "four"},
};
static const struct pair young[] = {
    {"dog", "puppy"},    {"cat", "kitten"}, {"cow", "calf"},      {"horse", "foal"},
    {"sheep", "lamb"},   {"hen", "chick"},  {"duck", "duckling"}, {"bear", "cub"},
    {"frog", "tadpole"}, {"goat", "kid"},   {"pig", "piglet"},    {"goose", "gosling"},
};
static const struct pair jobs[] = {
    {"teacher", "teaches in a school"},
    {"baker", "bakes bread"},
    {"farmer", "grows food"},
    {"doctor", "helps people who are ill"},
    {"pilot", "flies planes"},
    {"painter", "paints pictures"},
    {"cook", "prepares meals"},
    {"sailor", "works on a ship"},
    {"singer", "sings songs"},
    {"gardener", "takes care of plants"},
    {"carpenter", "makes things of wood"},
    {"firefighter", "puts out fires"},
    {"librarian", "takes care of books"},
    {"tailor", "makes clothes"},
    {"astronomer", "studies the stars"},
};
static const struct pair materials[] = {
    {"window", "glass"},
    {"book", "paper"},
    {"hammer", "metal and wood"},
    {"sweater", "wool"},
    {"tyre", "rubber"},
    {"coin", "metal"},
    {"brick", "clay"},
    {"candle", "wax"},
    {"shoe", "leather"},
    {"bottle", "glass or plastic"},
};
static const struct pair tools[] = {
    {"umbrella", "stay dry in the rain"},
    {"key", "open a door"},
    {"knife", "cut food"},
    {"clock", "tell the time"},
    {"broom", "sweep the floor"},
    {"map", "find the way"},
    {"thermometer", "measure temperature"},
    {"ruler", "measure length"},
    {"telescope", "see distant stars"},
    {"pen", "write"},
    {"camera", "take pictures"},
    {"bicycle", "ride from place to place"},
    {"lamp", "light a room"},
    {"scale", "measure weight"},
    {"oven", "bake bread"},
};
static const struct pair science[] = {
    {"What do plants need to grow?", "Plants need light, water and air to grow."},
    {"What is ice?", "Ice is frozen water."},
    {"What is steam?", "Steam is water that has become a gas."},
    {"At what temperature does water freeze?", "Water freezes at 0 degrees Celsius."},
    {"At what temperature does water boil?", "At sea level water boils at 100 degrees Celsius."},
    {"What does the Earth move around?", "The Earth moves around the Sun."},
    {"What does the Moon move around?", "The Moon moves around the Earth."},
    {"How long does the Earth take to go around the Sun?",
     "The Earth takes about 365 days, one year, to go around the Sun."},
    {"What is the largest planet of the solar system?", "Jupiter is the largest planet of the solar system."},
    {"Which planet is closest to the Sun?", "Mercury is the planet closest to the Sun."},
    {"What is the largest ocean?", "The Pacific Ocean is the largest ocean on Earth."},
    {"What is the highest mountain on Earth?", "Mount Everest is the highest mountain on Earth."},
    {"What gas do people need to breathe?", "People need oxygen to breathe."},
    {"What do bees make?", "Bees make honey."},
    {"Where does wool come from?", "Wool comes from sheep."},
    {"Why do objects fall to the ground?", "Objects fall to the ground because gravity pulls them."},
    {"What is a triangle?", "A triangle is a shape with three straight sides and three corners."},
    {"What is a square?", "A square is a shape with four equal sides and four right angles."},
    {"What is a rectangle?", "A rectangle is a shape with four sides and four right angles."},
    {"What is a circle?", "A circle is a round shape whose points are all equally far from its centre."},
    {"What is a cube?", "A cube is a solid with six equal square faces."},
    {"What is a sphere?", "A sphere is a solid as round as a ball."},
    {"How many sides does a hexagon have?", "A hexagon has six sides."},
    {"How many sides does a pentagon have?", "A pentagon has five sides."},
    {"How many sides does an octagon have?", "An octagon has eight sides."},
    {"What is magnetic?", "Iron is magnetic: a magnet pulls it."},
    {"Does wood float on water?", "Most wood floats on water, because it is lighter than the water it pushes away."},
    {"What makes a rainbow?", "Sunlight that is split by drops of water makes a rainbow."},
    {"What are the three primary colours of paint?", "The three primary colours of paint are red, yellow and blue."},
    {"What does a thermometer measure?", "A thermometer measures temperature."},
    {"What is a pixel?", "A pixel is one small dot of a picture on a screen."},
    {"What is a bar chart?", "A bar chart shows numbers as bars, and a longer bar stands for a larger number."},
    {"What is a pie chart?", "A pie chart shows the parts of a whole as slices of a circle."},
    {"What is a caption?", "A caption is a short text that says what a picture shows."},
    {"What is a maze?", "A maze is a net of paths in which it is hard to find the way out."},
};
static const char *const days[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const month_days[] = {"31", "28 or 29", "31", "30", "31", "30", "31", "31", "30", "31", "30", "31"};

/* A table of pairs and how its pairs are said: %1$s is the key, %2$s the value. */
struct theme {
    const struct pair *pairs;
    int n;
    const char *questions[5]; /* NULL-terminated */
    const char *sentences[5];
    bool article; /* the key is a bare noun: forms use %3$s for its article */
};

#define THEME(t) t, COUNT(t)
static const struct theme themes[] = {
    {THEME(capitals),
     {"What is the capital of %1$s?", "Which city is the capital of %1$s?", "Name the capital of %1$s.",
      "What city is %1$s governed from?", NULL},
     {"The capital of %1$s is %2$s.", "%2$s is the capital of %1$s.", "As its capital, %1$s has %2$s.",
      "In %1$s, the capital is %2$s.", NULL},
     false},
    {THEME(continents),
     {"On which continent is %1$s?", "Which continent does %1$s belong to?", NULL},
     {"%1$s is in %2$s.", "%1$s is a country in %2$s.", NULL},
     false},
    {THEME(colours_of),
     {"What colour is %1$s?", "Which colour does %1$s have?", "Tell me the colour of %1$s.", "%1$s: what colour?",
      NULL},
     {"The colour of %1$s is %2$s.", "Usually %1$s is %2$s.", "Everybody knows that %1$s is %2$s.",
      "If you look at %1$s, you see the colour %2$s.", NULL},
     false},
    {THEME(mixes),
     {"What do you get when you mix %1$s paint?", "Which colour do %1$s make together?", NULL},
     {"Mixing %1$s gives %2$s.", "If you mix %1$s, you get %2$s.", NULL},
     false},
    {THEME(sounds),
     {"What does %3$s %1$s do to make a sound?", "Which word describes the sound of %3$s %1$s?", NULL},
     {"%3$s %1$s %2$s.", "Listen: the %1$s %2$s.", NULL},
     true},
    {THEME(homes),
     {"Where does %3$s %1$s live?", "What is the home of %3$s %1$s?", NULL},
     {"The home of %3$s %1$s is the %2$s.", "You can find %3$s %1$s in the %2$s.", NULL},
     true},
    {THEME(legs),
     {"How many legs does %3$s %1$s have?", "What number of legs has %3$s %1$s?", NULL},
     {"The %1$s has %2$s legs.", "Every healthy %1$s has %2$s legs.", NULL},
     true},
    {THEME(young),
     {"What is a young %1$s called?", "How do we call the baby of %3$s %1$s?", NULL},
     {"A young %1$s is called a %2$s.", "A %2$s is a young %1$s.", NULL},
     true},
    {THEME(jobs),
     {"What does a %1$s do?", "What is the work of a %1$s?", NULL},
     {"A %1$s %2$s.", "Every day the %1$s %2$s.", NULL},
     false},
    {THEME(materials),
     {"What is a %1$s made of?", "Which material is a %1$s made from?", NULL},
     {"A %1$s is made of %2$s.", "People make a %1$s of %2$s.", NULL},
     false},
    {THEME(tools),
     {"What is %3$s %1$s used for?", "Why would you use %3$s %1$s?", NULL},
     {"People use %3$s %1$s to %2$s.", "With %3$s %1$s you can %2$s.", NULL},
     true},
};

/* Fills a theme's form; the forms are literals of this file, which the compiler cannot see through the table. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void form(char *out, size_t size, const char *fmt, const struct pair *p)
{
    char text[512];
    snprintf(text, sizeof text, fmt, p->key, p->value, sl_word_article(p->key));
    struct sl_buf b = SL_BUF_INIT(1024);
    sl_word_capital(&b, text);
    snprintf(out, size, "%s", sl_buf_str(&b));
    sl_buf_release(&b);
}
#pragma GCC diagnostic pop

static void from_theme(const struct sl_synth_request *r, struct sl_text_item *out)
{
    const struct theme *t = &themes[sl_synth_int(r, 0, COUNT(themes) - 1)];
    const struct pair *p = &t->pairs[sl_synth_int(r, 0, t->n - 1)];
    form(out->question, sizeof out->question, sl_synth_phrase(r, t->questions), p);
    form(out->sentence, sizeof out->sentence, sl_synth_phrase(r, t->sentences), p);
    snprintf(out->answer, sizeof out->answer, "%s", p->value);
}

static void from_calendar(const struct sl_synth_request *r, struct sl_text_item *out)
{
    bool week = sl_synth_chance(r, 0.5), after = sl_synth_chance(r, 0.5);
    const char *const *names = week ? days : months;
    int n = week ? 7 : 12, i = sl_synth_int(r, 0, n - 1), j = (i + (after ? 1 : n - 1)) % n;
    if (!week && sl_synth_chance(r, 0.3)) {
        snprintf(out->question, sizeof out->question, "How many days does %s have?", months[i]);
        snprintf(out->answer, sizeof out->answer, "%s", month_days[i]);
        snprintf(out->sentence, sizeof out->sentence, "%s has %s days.", months[i], month_days[i]);
        return;
    }
    snprintf(out->question, sizeof out->question, "Which %s comes %s %s?", week ? "day" : "month",
             after ? "after" : "before", names[i]);
    snprintf(out->answer, sizeof out->answer, "%s", names[j]);
    snprintf(out->sentence, sizeof out->sentence, "%s comes %s %s.", names[j], after ? "after" : "before", names[i]);
}

static void from_opposites(const struct sl_synth_request *r, struct sl_text_item *out)
{
    const struct sl_adjective *a = sl_word_adjective(r, SL_NOUN_ANY);
    snprintf(out->question, sizeof out->question, "What is the opposite of \"%s\"?", a->word);
    snprintf(out->answer, sizeof out->answer, "%s", a->opposite);
    snprintf(out->sentence, sizeof out->sentence, "The opposite of \"%s\" is \"%s\".", a->word, a->opposite);
}

static void from_kinds(const struct sl_synth_request *r, struct sl_text_item *out)
{
    static const char *const kinds[] = {"animal", "person", "piece of furniture", "vehicle", "plant", "place"};
    static const unsigned bits[] = {SL_NOUN_ANIMAL,  SL_NOUN_PERSON, SL_NOUN_FURNITURE,
                                    SL_NOUN_VEHICLE, SL_NOUN_PLANT,  SL_NOUN_PLACE};
    int n = COUNT(kinds), is = sl_synth_int(r, 0, n - 1);
    int asked = sl_synth_chance(r, 0.5) ? is : (is + sl_synth_int(r, 1, n - 1)) % n;
    const char *noun = sl_word_noun(r, bits[is])->one, *what = kinds[is], *as = kinds[asked];
    snprintf(out->question, sizeof out->question, "Is %s %s %s %s?", sl_word_article(noun), noun, sl_word_article(as),
             as);
    snprintf(out->answer, sizeof out->answer, "%s", is == asked ? "yes" : "no");
    char text[400];
    if (is == asked)
        snprintf(text, sizeof text, "yes, %s %s is %s %s.", sl_word_article(noun), noun, sl_word_article(what), what);
    else
        snprintf(text, sizeof text, "no, %s %s is not %s %s, but %s %s.", sl_word_article(noun), noun,
                 sl_word_article(as), as, sl_word_article(what), what);
    struct sl_buf b = SL_BUF_INIT(1024);
    sl_word_capital(&b, text);
    snprintf(out->sentence, sizeof out->sentence, "%s", sl_buf_str(&b));
    sl_buf_release(&b);
}

static void from_science(const struct sl_synth_request *r, struct sl_text_item *out)
{
    const struct pair *p = &science[sl_synth_int(r, 0, COUNT(science) - 1)];
    snprintf(out->question, sizeof out->question, "%s", p->key);
    snprintf(out->sentence, sizeof out->sentence, "%s", p->value);
    snprintf(out->answer, sizeof out->answer, "%s", p->value);
}

static void from_measures(const struct sl_synth_request *r, struct sl_text_item *out)
{
    static const struct {
        const char *small, *large;
        int n;
    } units[] = {{"centimetres", "metre", 100}, {"metres", "kilometre", 1000}, {"grams", "kilogram", 1000},
                 {"seconds", "minute", 60},     {"minutes", "hour", 60},       {"hours", "day", 24},
                 {"days", "week", 7},           {"months", "year", 12},        {"millimetres", "centimetre", 10}};
    int i = sl_synth_int(r, 0, COUNT(units) - 1), k = sl_synth_int(r, 1, 9);
    snprintf(out->question, sizeof out->question, "How many %s are there in %d %s%s?", units[i].small, k,
             units[i].large, k > 1 ? "s" : "");
    snprintf(out->answer, sizeof out->answer, "%d", k * units[i].n);
    snprintf(out->sentence, sizeof out->sentence, "In %d %s%s there are %d %s.", k, units[i].large, k > 1 ? "s" : "",
             k * units[i].n, units[i].small);
    snprintf(out->steps, sizeof out->steps, "One %s has %d %s. %d times %d is %d.", units[i].large, units[i].n,
             units[i].small, k, units[i].n, k * units[i].n);
}

void sl_text_fact(const struct sl_synth_request *r, struct sl_text_item *out)
{
    out->steps[0] = 0;
    switch (sl_synth_int(r, 0, 9)) {
    case 0:
        from_calendar(r, out);
        return;
    case 1:
        from_opposites(r, out);
        return;
    case 2:
        from_kinds(r, out);
        return;
    case 3:
    case 4:
        from_science(r, out);
        return;
    case 5:
        from_measures(r, out);
        return;
    default:
        from_theme(r, out);
        return;
    }
}
