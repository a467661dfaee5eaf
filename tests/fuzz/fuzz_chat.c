/*
 * fuzz_chat.c: any messages through the template. Special tokens are the template's alone, marks and loss agree with
 * the ids, and the ids stand for the rendered text.
 *
 * The input is a script: the first byte holds the options; then each byte opens a message (its role in two bits, more
 * flags above) whose text parts are separated by NUL, kinds of parts chosen by their first byte; 0x1E ends a message.
 */
#include "text/bpe_train.h"
#include "text/chat.h"
#include "text/special.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_MESSAGES = 8, MAX_PARTS = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct script {
    struct sl_chat_message messages[MAX_MESSAGES];
    struct sl_chat_part parts[MAX_MESSAGES][MAX_PARTS];
    size_t n_messages, n_pictures;
};

static void require(bool ok)
{
    if (!ok) abort();
}

/* The smallest tokenizer: bytes, a few merges and the added tokens. */
static struct sl_tokenizer *make_tokenizer(void)
{
    static const char text[] = "the the second second user user assistant assistant < < > > name name arguments";
    struct sl_bpe_train_options o;
    struct sl_bpe_trainer *trainer = NULL;
    struct sl_tokenizer *t = NULL;
    sl_bpe_train_defaults(&o);
    o.vocab_size = SL_BPE_MIN_VOCABULARY + 16;
    require(sl_bpe_trainer_new(&o, &trainer, NULL) == SL_OK);
    require(sl_bpe_trainer_add(trainer, text, sizeof text - 1, NULL) == SL_OK);
    require(sl_bpe_trainer_finish(trainer, &t, NULL) == SL_OK);
    sl_bpe_trainer_free(&trainer);
    return t;
}

static void read_part(struct script *s, struct sl_chat_message *m, const char *text, size_t n)
{
    struct sl_chat_part *p = &s->parts[s->n_messages - 1][m->n_parts++];
    *p = (struct sl_chat_part){.kind = SL_CHAT_TEXT, .text = text, .n = n};
    if (n && text[0] == '#') p->kind = SL_CHAT_PICTURE;
    if (n && text[0] == '@') *p = (struct sl_chat_part){.kind = SL_CHAT_FRAME, .seconds = (double)n / 3};
    if (n && text[0] == '{') p->kind = SL_CHAT_TOOL_CALL;
    s->n_pictures += p->kind == SL_CHAT_PICTURE || p->kind == SL_CHAT_FRAME;
}

/* Cuts the bytes into messages and parts, which borrow them. */
static void read_script(struct script *s, const char *at, const char *end)
{
    while (at < end && s->n_messages < MAX_MESSAGES) {
        unsigned head = (unsigned char)*at++;
        struct sl_chat_message *m = &s->messages[s->n_messages];
        *m = (struct sl_chat_message){
            .role = (enum sl_chat_role)(head & 3), .parts = s->parts[s->n_messages], .no_loss = head & 8};
        s->n_messages++;
        const char *stop = memchr(at, 0x1E, (size_t)(end - at));
        if (!stop) stop = end;
        if (head & 4) {
            const char *zero = memchr(at, 0, (size_t)(stop - at));
            m->reasoning = at;
            m->n_reasoning = (size_t)((zero ? zero : stop) - at);
            at = zero ? zero + 1 : stop;
        }
        while (at < stop && m->n_parts < MAX_PARTS) {
            const char *zero = memchr(at, 0, (size_t)(stop - at));
            read_part(s, m, at, (size_t)((zero ? zero : stop) - at));
            at = zero ? zero + 1 : stop;
        }
        at = stop < end ? stop + 1 : end;
    }
}

static size_t count(const struct sl_chat_tokens *c, int32_t id)
{
    size_t n = 0;
    for (size_t i = 0; i < c->ids.len; i++) n += c->ids.data[i] == id;
    return n;
}

static void check(const struct sl_tokenizer *t, const struct script *s, const struct sl_chat_options *o,
                  const struct sl_chat_tokens *c)
{
    bool own_system = s->messages[0].role == SL_CHAT_SYSTEM;
    size_t n_messages = s->n_messages + !own_system;
    size_t n_specials = 2 * n_messages + o->generation_prompt + 3 * s->n_pictures, found = 0;
    require(count(c, sl_tokenizer_id(t, "<|im_end|>")) == n_messages);
    require(count(c, sl_tokenizer_id(t, "<|image_patch|>")) == s->n_pictures && c->n_marks == s->n_pictures);
    for (size_t i = 0; i < c->ids.len; i++) {
        found += sl_tokenizer_is_special(t, c->ids.data[i]);
        require(c->loss[i] <= 1);
    }
    require(found == n_specials);
    for (size_t i = 0; i < c->n_marks; i++)
        require(c->ids.data[c->marks[i].token] == sl_tokenizer_id(t, "<|image_patch|>"));
    require(count(c, sl_tokenizer_id(t, "</tool_call>")) == count(c, sl_tokenizer_id(t, "<tool_call>")));
}

/* Normalisation is done piece by piece, so only text without any composes to the same bytes: ASCII. */
static bool is_ascii(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] >= 0x80) return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct sl_tokenizer *t; /* kept for all runs: making one takes longer than a run */
    static const char *const tools[] = {"{\"name\": \"zoom\"}"};
    struct script s = {0};
    if (!t) t = make_tokenizer();
    if (n < 2) return 0;
    struct sl_chat_options o = {.thinking = bytes[0] & 1,
                                .keep_reasoning = bytes[0] & 2,
                                .generation_prompt = bytes[0] & 4,
                                .tools = tools,
                                .n_tools = bytes[0] >> 3 & 1};
    read_script(&s, (const char *)bytes + 1, (const char *)bytes + n);
    struct sl_chat_tokens c;
    struct sl_buf text = SL_BUF_INIT(1 << 24), back = SL_BUF_INIT(1 << 24);
    sl_error err = {0};
    sl_chat_tokens_init(&c, 1 << 20);
    sl_status status = sl_chat_encode(t, s.messages, s.n_messages, &o, &c, &err);
    require(status == SL_OK || err.message[0]);
    require(sl_chat_render(s.messages, s.n_messages, &o, &text, &err) == status);
    if (status == SL_OK) {
        check(t, &s, &o, &c);
        require(sl_tokenizer_decode(t, c.ids.data, c.ids.len, false, &back, &err) == SL_OK);
        if (is_ascii(bytes, n))
            require(back.len == text.len && memcmp(sl_buf_str(&back), sl_buf_str(&text), text.len) == 0);
    }
    sl_buf_release(&text);
    sl_buf_release(&back);
    sl_chat_tokens_release(&c);
    return 0;
}
