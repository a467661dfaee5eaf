/*
 * screens_layouts.c: eight kinds of pages, and the words on them. The fourth and the eighth are for held-out samples.
 */
#include "synth/screens_parts.h"

#include <stdio.h>
#include <string.h>

#define COUNT(a) (int)(sizeof(a) / sizeof *(a))

static const char *const brands[] = {"Fernweh", "Oakline", "Pixelbay", "Northgate", "Mintleaf", "Quarto",
                                     "Lumen",   "Harbour", "Tindra",   "Kestrel",   "Bramble",  "Solaris"};
static const char *const people[] = {"Anna Berg",   "Tom Reyes",    "Mei Lin",     "Ivan Petrov",
                                     "Sara Khan",   "Luis Ortega",  "Nora Quinn",  "Jack Moss",
                                     "Yuki Sato",   "Elena Rossi",  "Omar Haddad", "Freya Holm",
                                     "Peter Novak", "Chloe Martin", "Ravi Patel",  "Ines Costa"};
static const char *const products[] = {"Copper kettle", "Desk lamp", "Rain jacket",  "Clay teapot",  "Wool blanket",
                                       "Bike helmet",   "Oak stool", "Pocket radio", "Tent for two", "Chess set",
                                       "Garden hose",   "Steel pan", "Wall clock",   "Ink pen",      "Travel mug",
                                       "Picnic basket", "Yoga mat",  "Bread knife",  "Globe",        "Hammock"};
static const char *const subjects[] = {
    "Minutes of Monday's meeting", "Your invoice for March", "Trip to the lake",
    "New draft of the report",     "Lunch on Friday?",       "Keys found in room 12",
    "Change of the train times",   "Photos from the party",  "Reminder: library books",
    "Question about the budget",   "Offer for the flat",     "Password was changed"};
static const char *const sections[] = {"Overview", "Reports", "Projects", "Calendar", "Messages", "Files",
                                       "Team",     "Billing", "Invoices", "Tasks",    "Archive",  "Support"};
static const char *const switches[] = {
    "Dark mode",     "Email notifications", "Automatic updates", "Location access",  "Sound effects",
    "Show previews", "Offline mode",        "Usage statistics",  "Two-step sign-in", "Large text",
    "Save history",  "Read receipts",       "Wi-Fi only",        "Keep screen on"};
static const char *const checks[] = {"Send me news",     "Remember this device", "Gift wrapping",
                                     "Express delivery", "I accept the terms",   "Ship to another address",
                                     "Only in stock",    "With pictures"};
static const char *const tabs[] = {"General", "Privacy",  "Security", "Display",
                                   "Storage", "Accounts", "Network",  "About"};
static const char *const fields[] = {"First name", "Last name", "Email",    "City",      "Street",
                                     "Phone",      "Company",   "Postcode", "User name", "Job title"};
static const char *const values[] = {"Lisbon", "Marta", "Hansen",  "maple-42", "Nordwind", "Elm Street 9",
                                     "Okafor", "48153", "Analyst", "blue.fox", "Tallinn",  "Jonas"};
static const char *const selects[][2] = {{"Language", "English"}, {"Country", "Portugal"}, {"Currency", "Euro"},
                                         {"Time zone", "UTC+2"},  {"Sort by", "Price"},    {"Size", "Medium"}};
static const char *const options[][4] = {
    {"English", "French", "Polish", "Greek"}, {"Portugal", "Norway", "Chile", "Japan"},
    {"Euro", "Yen", "Krone", "Dollar"},       {"UTC+2", "UTC-5", "UTC+9", "UTC"},
    {"Price", "Name", "Rating", "Newest"},    {"Medium", "Small", "Large", "Extra large"}};
static const char *const menus[][2] = {
    {"File", "New, Open, Save, Print"},    {"View", "Zoom in, Zoom out, Full screen"},
    {"More", "Rename, Duplicate, Move"},   {"Export", "As PDF, As CSV, As image"},
    {"Sort", "By name, By date, By size"}, {"Account", "Profile, Plan, Sign out"}};
static const char *const sliders[] = {"Volume", "Brightness", "Text size", "Mouse speed"};
static const char *const sentences[] = {"The old bridge was closed for repairs until the end of spring.",
                                        "Visitors reach the garden by a narrow path behind the mill.",
                                        "Most of the work is done by hand, in small groups.",
                                        "A new map shows the wells and the roads between them.",
                                        "Prices rose slowly, and then fell again in autumn.",
                                        "The river freezes only in the coldest of winters.",
                                        "Every table in the hall was made from one tree.",
                                        "Nobody knows who painted the sign above the door.",
                                        "The first boats arrive before sunrise.",
                                        "Two schools share the field on the hill."};
static const char *const topics[] = {"History",   "Getting there", "Wildlife",        "Food and drink", "Climate",
                                     "Buildings", "People",        "Further reading", "Festivals",      "Trade"};

/* Takes the next of a shuffled list: the lists are longer than what a page takes of them. */
struct deck {
    int order[24], n, next;
};

static struct deck shuffled(const struct sl_page *p, int n)
{
    struct deck d = {.n = n};
    sl_synth_shuffle(p->r, d.order, n);
    return d;
}

static int draw(struct deck *d)
{
    return d->order[d->next++ % d->n];
}

static void add(struct sl_page *p, const char *html)
{
    sl_buf_addstr(&p->html, html);
}

static void heading(struct sl_page *p, const char *tag, const char *text)
{
    sl_buf_addf(&p->html, "<%s>", tag);
    sl_page_text(p, text);
    sl_buf_addf(&p->html, "</%s>", tag);
}

static void paragraph(struct sl_page *p, int n_sentences)
{
    add(p, "<p>");
    for (int i = 0; i < n_sentences; i++)
        sl_buf_addf(&p->html, "%s ", sentences[sl_synth_int(p->r, 0, COUNT(sentences) - 1)]);
    add(p, "</p>");
}

/* A control whose texts are made from up to two words; the formats of does and shown each take `subject`. */
static struct sl_control *put(struct sl_page *p, sl_control_kind kind, sl_control_effect effect, const char *name,
                              const char *does, const char *shown)
{
    return sl_page_control(p, kind, effect, &(struct sl_control_text){name, does, shown});
}

static const char *format(char *out, size_t size, const char *pattern, const char *word)
{
    const char *at = strchr(pattern, '%');
    if (!at)
        snprintf(out, size, "%s", pattern);
    else
        snprintf(out, size, "%.*s%s%s", (int)(at - pattern), pattern, word, at + 1);
    return out;
}

/* A control about `subject`, which stands for the % in does and shown. */
static struct sl_control *put_of(struct sl_page *p, sl_control_kind kind, sl_control_effect effect, const char *name,
                                 const char *subject, const char *does, const char *shown)
{
    char a[140], b[140];
    return put(p, kind, effect, name, format(a, sizeof a, does, subject), format(b, sizeof b, shown, subject));
}

static void nav_links(struct sl_page *p, int n)
{
    struct deck d = shuffled(p, COUNT(sections));
    add(p, "<span class=nav>");
    for (int i = 0; i < n; i++) {
        const char *s = sections[draw(&d)];
        put_of(p, SL_CONTROL_LINK, SL_EFFECT_NONE, s, s, "go to the section \"%\"", "");
    }
    add(p, "</span>");
}

static void top_bar(struct sl_page *p, bool cart)
{
    static const char *const icons[][2] = {{"search", "search the page"},
                                           {"notifications", "see the notifications"},
                                           {"account", "open the account"},
                                           {"settings", "open the settings"},
                                           {"help", "get help"},
                                           {"share", "share this page"}};
    struct deck d = shuffled(p, COUNT(icons));
    sl_page_where(p, "the top bar");
    add(p, "<div class=top><b>");
    add(p, brands[sl_synth_int(p->r, 0, COUNT(brands) - 1)]);
    add(p, "</b>");
    if (!p->phone) nav_links(p, 2 + p->size);
    for (int i = 0; i < 1 + p->size; i++) {
        int k = draw(&d);
        put(p, SL_CONTROL_ICON, SL_EFFECT_NONE, icons[k][0], icons[k][1], "")->last = true;
    }
    if (cart) add(p, "<span class=soft>Cart</span><span id=n>0</span>");
    add(p, "</div>");
}

static void field_group(struct sl_page *p, int n)
{
    struct deck d = shuffled(p, COUNT(fields)), v = shuffled(p, COUNT(values));
    for (int i = 0; i < n; i++) {
        const char *name = fields[draw(&d)];
        put_of(p, SL_CONTROL_FIELD, SL_EFFECT_NONE, name, name, "enter the %",
               sl_synth_chance(p->r, 0.4) ? values[draw(&v)] : "");
    }
}

static void add_select(struct sl_page *p)
{
    int i = sl_synth_int(p->r, 0, COUNT(selects) - 1);
    put_of(p, SL_CONTROL_SELECT, SL_EFFECT_NONE, selects[i][0], selects[i][0], "choose the %",
           options[i][sl_synth_int(p->r, 0, 3)])
        ->last = true;
}

static void add_menu(struct sl_page *p)
{
    int i = sl_synth_int(p->r, 0, COUNT(menus) - 1);
    put_of(p, SL_CONTROL_MENU, SL_EFFECT_NONE, menus[i][0], menus[i][0], "open the menu \"%\"", menus[i][1]);
}

static void add_slider(struct sl_page *p)
{
    const char *name = sliders[sl_synth_int(p->r, 0, COUNT(sliders) - 1)];
    put_of(p, SL_CONTROL_SLIDER, SL_EFFECT_NONE, name, name, "set \"%\"", "")->last = true;
}

static void sign_up(struct sl_page *p)
{
    snprintf(p->title, sizeof p->title, "a form to register");
    top_bar(p, false);
    sl_page_where(p, "the registration form");
    add(p, "<div class=main><div class=card style='max-width:520px;margin:auto'>");
    heading(p, "h1", "Create your account");
    field_group(p, 3 + p->size);
    add_select(p);
    struct deck d = shuffled(p, COUNT(checks));
    for (int i = 0; i < 1 + p->size; i++) {
        add(p, "<div class=row>");
        put(p, SL_CONTROL_CHECKBOX, SL_EFFECT_NONE, checks[draw(&d)], "", "");
        add(p, "</div>");
    }
    add(p, "<div class=row>");
    put(p, SL_CONTROL_BUTTON, SL_EFFECT_TOAST, sl_synth_chance(p->r, 0.5) ? "Sign up" : "Register", "submit the form",
        "The form was sent");
    put(p, SL_CONTROL_BUTTON, SL_EFFECT_TOAST, "Clear", "clear the form", "Nothing was sent");
    add(p, "</div></div></div>");
}

static void shop(struct sl_page *p)
{
    struct deck d = shuffled(p, COUNT(products));
    int n = p->phone ? 3 + p->size : 4 + 3 * p->size;
    snprintf(p->title, sizeof p->title, "a shop");
    top_bar(p, true);
    sl_page_where(p, "the top of the shop");
    add(p, "<div class=main><div class=row>");
    put(p, SL_CONTROL_CHECKBOX, SL_EFFECT_NONE, "Only in stock", "", "");
    add_menu(p);
    sl_buf_addf(&p->html, "</div><div class=grid style='grid-template-columns:repeat(%d,1fr)'>",
                p->phone ? 1 : 3 + p->size / 2);
    for (int i = 0; i < n; i++) {
        const char *name = products[draw(&d)];
        sl_page_where(p, "the card \"%s\"", name);
        sl_buf_addf(
            &p->html,
            "<div class='card item'><div style='height:%dpx;border-radius:6px;background:hsl(%d,45%%,72%%)'></div>",
            p->phone ? 40 : 70 - 15 * p->size, sl_synth_int(p->r, 0, 359));
        put_of(p, SL_CONTROL_LINK, SL_EFFECT_NONE, name, name, "open the page of the %", "");
        sl_buf_addf(&p->html, "<div class=soft>%d.%02d €</div><div class=row>", sl_synth_int(p->r, 3, 180),
                    sl_synth_int(p->r, 0, 9) * 10 + 9);
        put_of(p, SL_CONTROL_BUTTON, SL_EFFECT_COUNT, "Add to cart", name, "add the % to the cart", "Added: %");
        put_of(p, SL_CONTROL_ICON, SL_EFFECT_TOAST, "star", name, "mark the % as a favourite", "Favourite: %");
        add(p, "</div></div>");
    }
    add(p, "</div></div>");
}

static void settings(struct sl_page *p)
{
    struct deck t = shuffled(p, COUNT(tabs)), d = shuffled(p, COUNT(switches));
    int n_tabs = 3 + (p->size > 0);
    char panel[80], selected[80] = "";
    snprintf(p->title, sizeof p->title, "a page of settings");
    top_bar(p, false);
    add(p, "<div class=main style='max-width:720px'>");
    heading(p, "h1", "Settings");
    sl_page_where(p, "the row of tabs");
    add(p, "<div class=tabs>");
    p->selected = sl_synth_int(p->r, 0, n_tabs - 1);
    for (int i = 0; i < n_tabs; i++) {
        const char *name = tabs[draw(&t)];
        snprintf(panel, sizeof panel, "%s: %d entries", name, sl_synth_int(p->r, 2, 40));
        struct sl_control *c = put_of(p, SL_CONTROL_TAB, SL_EFFECT_NONE, name, name, "switch to the tab \"%\"", panel);
        if (c->on) snprintf(selected, sizeof selected, "%s", panel);
    }
    sl_buf_addf(&p->html, "</div><div class='panel soft' id=panel>%s</div><div class=card>", selected);
    sl_page_where(p, "the list of settings");
    for (int i = 0; i < 3 + 2 * p->size; i++) put(p, SL_CONTROL_SWITCH, SL_EFFECT_NONE, switches[draw(&d)], "", "");
    add_slider(p);
    add(p, "<div class='row line'>");
    put(p, SL_CONTROL_BUTTON, SL_EFFECT_TOAST, "Save", "save the settings", "Settings saved");
    put(p, SL_CONTROL_BUTTON, SL_EFFECT_TOAST, "Reset", "reset the settings", "Defaults restored");
    add(p, "</div></div></div>");
}

static void mail(struct sl_page *p)
{
    struct deck who = shuffled(p, COUNT(people)), what = shuffled(p, COUNT(subjects));
    snprintf(p->title, sizeof p->title, "a mailbox");
    top_bar(p, false);
    sl_page_where(p, "the bar above the messages");
    add(p, "<div class=main><div class=row>");
    put(p, SL_CONTROL_BUTTON, SL_EFFECT_TOAST, "New message", "write a new message", "An empty message was opened");
    add_menu(p);
    add(p, "</div><div class=card>");
    for (int i = 0; i < 4 + 2 * p->size; i++) {
        const char *from = people[draw(&who)], *about = subjects[draw(&what)];
        sl_page_where(p, "the message from %s", from);
        sl_buf_addf(&p->html, "<div class='row line item'><b style='width:%s'>%s</b><span class=grow>",
                    p->phone ? "5em" : "9em", from);
        put_of(p, SL_CONTROL_LINK, SL_EFFECT_NONE, about, from, "open the message from %", "");
        add(p, "</span>");
        put_of(p, SL_CONTROL_ICON, SL_EFFECT_TOAST, "star", from, "mark the message from % with a star", "Starred: %");
        put_of(p, SL_CONTROL_ICON, SL_EFFECT_REMOVE, "delete", from, "delete the message from %", "Deleted: %");
        add(p, "</div>");
    }
    add(p, "</div></div>");
}

static void article(struct sl_page *p)
{
    struct deck d = shuffled(p, COUNT(topics));
    int n = 3 + p->size, first;
    snprintf(p->title, sizeof p->title, "an article");
    top_bar(p, false);
    add(p, "<div class=main style='max-width:900px'>");
    heading(p, "h1", "The valley and its villages");
    sl_page_where(p, "the table of contents");
    add(p, "<div class=card><b>Contents</b>");
    for (int i = 0; i < n; i++) {
        const char *t = topics[draw(&d)];
        add(p, "<div>");
        put_of(p, SL_CONTROL_LINK, SL_EFFECT_NONE, t, t, "go to the section \"%\"", "");
        add(p, "</div>");
    }
    add(p, "</div>");
    first = d.next - n;
    for (int i = 0; i < n; i++) {
        const char *t = topics[d.order[first + i]];
        heading(p, "h2", t);
        paragraph(p, sl_synth_int(p->r, 2, 4));
        sl_page_where(p, "the section \"%s\"", t);
        add(p, "<div class=row>");
        put_of(p, SL_CONTROL_ICON, SL_EFFECT_TOAST, "edit", t, "edit the section \"%\"", "Editing: %");
        put_of(p, SL_CONTROL_ICON, SL_EFFECT_TOAST, "share", t, "share the section \"%\"", "Shared: %");
        add(p, "</div>");
    }
    add(p, "</div>");
}

static void dashboard(struct sl_page *p)
{
    struct deck who = shuffled(p, COUNT(people)), d = shuffled(p, COUNT(sections));
    snprintf(p->title, sizeof p->title, "a dashboard");
    top_bar(p, false);
    sl_buf_addf(&p->html,
                "<div class=main><div class=grid style='grid-template-columns:repeat(%d,1fr);margin-bottom:12px'>",
                p->phone ? 2 : 4);
    for (int i = 0; i < 4; i++) {
        const char *s = sections[draw(&d)];
        sl_page_where(p, "the card \"%s\"", s);
        sl_buf_addf(&p->html, "<div class=card><div class=soft>%s</div><h2>%d</h2>", s, sl_synth_int(p->r, 3, 9800));
        put_of(p, SL_CONTROL_LINK, SL_EFFECT_NONE, "Details", s, "see the details of %", "");
        add(p, "</div>");
    }
    add(p, "</div><div class=card><table><tr><th>Name<th>Hours<th></tr>");
    for (int i = 0; i < 3 + 2 * p->size; i++) {
        const char *name = people[draw(&who)];
        sl_page_where(p, "the row of %s", name);
        sl_buf_addf(&p->html, "<tr class=item><td>%s<td>%d<td>", name, sl_synth_int(p->r, 2, 60));
        put_of(p, SL_CONTROL_BUTTON, SL_EFFECT_TOAST, "Edit", name, "edit the entry of %", "Editing: %");
        put_of(p, SL_CONTROL_ICON, SL_EFFECT_REMOVE, "delete", name, "remove % from the table", "Removed: %");
        add(p, "</tr>");
    }
    sl_page_where(p, "the bar below the table");
    add(p, "</table></div><div class=row>");
    put(p, SL_CONTROL_BUTTON, SL_EFFECT_TOAST, "Add a row", "add a row to the table", "A row can be filled in");
    add_menu(p);
    add(p, "</div></div>");
}

static void checkout(struct sl_page *p)
{
    struct deck d = shuffled(p, COUNT(products)), c = shuffled(p, COUNT(checks));
    snprintf(p->title, sizeof p->title, "the checkout of a shop");
    top_bar(p, false);
    sl_buf_addf(&p->html,
                "<div class=main><h1>Checkout</h1><div class=grid style='grid-template-columns:%s'><div class=card>",
                p->phone ? "1fr" : "3fr 2fr");
    sl_page_where(p, "the delivery address");
    heading(p, "h2", "Delivery address");
    field_group(p, 3 + p->size);
    for (int i = 0; i < 2; i++) {
        add(p, "<div class=row>");
        put(p, SL_CONTROL_CHECKBOX, SL_EFFECT_NONE, checks[draw(&c)], "", "");
        add(p, "</div>");
    }
    add(p, "</div><div class=card>");
    heading(p, "h2", "Your order");
    for (int i = 0; i < 2 + p->size; i++) {
        const char *name = products[draw(&d)];
        sl_page_where(p, "the order's line \"%s\"", name);
        sl_buf_addf(&p->html, "<div class='row line item'><span class=grow>%s</span><span class=soft>%d €</span>", name,
                    sl_synth_int(p->r, 3, 180));
        put_of(p, SL_CONTROL_ICON, SL_EFFECT_REMOVE, "delete", name, "take the % out of the order", "Taken out: %");
        add(p, "</div>");
    }
    sl_page_where(p, "the end of the order");
    add(p, "<div class='row line'>");
    put(p, SL_CONTROL_BUTTON, SL_EFFECT_TOAST, "Pay now", "pay for the order", "Thank you for the order");
    put(p, SL_CONTROL_LINK, SL_EFFECT_NONE, "Back to the shop", "return to the shop", "");
    add(p, "</div></div></div></div>");
}

static void dialog(struct sl_page *p)
{
    struct deck d = shuffled(p, COUNT(subjects));
    snprintf(p->title, sizeof p->title, "a dialog over a list of files");
    top_bar(p, false);
    add(p, "<div class=main>");
    for (int i = 0; i < 6; i++) sl_buf_addf(&p->html, "<div class='row line'>%s</div>", subjects[draw(&d)]);
    add(p, "</div><div class=shade></div><div class=dialog>");
    sl_page_where(p, "the dialog");
    heading(p, "h2", sl_synth_chance(p->r, 0.5) ? "Export the list" : "Share the list");
    field_group(p, 1 + p->size);
    for (int i = 0; i < 2 + p->size; i++) put(p, SL_CONTROL_SWITCH, SL_EFFECT_NONE, switches[draw(&d)], "", "");
    add(p, "<div class=row>");
    put(p, SL_CONTROL_BUTTON, SL_EFFECT_TOAST, "Continue", "go on to the next step", "Step 2 of 3");
    put(p, SL_CONTROL_BUTTON, SL_EFFECT_TOAST, "Cancel", "cancel and close the dialog", "Cancelled");
    add(p, "</div></div>");
}

/* What controls do when they are clicked, by the attributes that screens_page.c gave them. */
static const char behaviour[] =
    "<div id=toast data-k=toast></div><script>document.addEventListener('click',e=>{const "
    "t=e.target.closest('[data-k]');"
    "if(!t)return;if(t.tagName==='A')e.preventDefault();const d=t.dataset,$=i=>document.getElementById(i);"
    "if(d.t){$('toast').textContent=d.t;$('toast').style.display='block'}if(d.n)$('n').textContent=+$('n').textContent+"
    "1;"
    "if(d.r)t.closest('.item').remove();if(d.o){const "
    "m=$(d.o);m.style.display=m.style.display==='block'?'none':'block'}"
    "if(d.p){document.querySelectorAll('.tab').forEach(x=>x.classList.toggle('on',x===t));$('panel').textContent=d.p}})"
    "</script>";

void sl_page_write(struct sl_page *p)
{
    static void (*const layouts[])(struct sl_page *) = {sign_up, shop,      settings, mail,
                                                        article, dashboard, checkout, dialog};
    sl_page_style(p);
    layouts[sl_synth_choose(p->r, COUNT(layouts))](p);
    add(p, behaviour);
}
