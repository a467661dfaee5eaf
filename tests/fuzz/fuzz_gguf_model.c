/*
 * fuzz_gguf_model.c: any bytes as a GGUF file of an open family: its configuration, sampling defaults and tokenizer are
 * read or refused with a reason. One file stands for both of a pair.
 */
#include "model/gguf_family.h"
#include "model/gguf_tokens.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void read_tokenizer(const sl_gguf *g)
{
    struct sl_buf text = SL_BUF_INIT(1 << 24);
    struct sl_tokenizer *t = NULL;
    sl_error err = {0};
    sl_status s = sl_gguf_tokens_read(g, &text, &err);
    if (s == SL_OK && text.len) s = sl_tokenizer_parse(sl_buf_str(&text), text.len, &t, &err);
    if (s != SL_OK && !err.message[0]) abort();
    sl_tokenizer_free(&t);
    sl_buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    sl_gguf *g;
    sl_error err = {0};
    if (sl_gguf_parse(bytes, n, &g, &err)) return 0;
    struct sl_gguf_pair pair = {.model = g, .vision = g, .naming = {.layout = SL_GGUF_PAIR}};
    if (sl_gguf_of_model(g, "vision.block_count")) {
        pair.vision = NULL;
        pair.naming.layout = SL_GGUF_OLLAMA;
    }
    sl_config c;
    sl_generation_config generation;
    sl_status s = sl_gguf_family_config(&pair, &c, &err);
    if (s == SL_OK && sl_config_check(&c, &err)) abort();
    if (s == SL_OK) s = sl_gguf_family_generation(g, &c, &generation, &err);
    if (s != SL_OK && !err.message[0]) abort();
    read_tokenizer(g);
    sl_gguf_close(&g);
    return 0;
}
