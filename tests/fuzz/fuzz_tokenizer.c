/*
 * fuzz_tokenizer.c: any bytes as a tokenizer.json; what loads must encode any text to ids that it can decode.
 */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void round_trip(const struct sl_tokenizer *t, const char *text, size_t n, unsigned flags)
{
    struct sl_token_ids ids = SL_TOKEN_IDS_INIT(1 << 20);
    struct sl_buf back = SL_BUF_INIT(1 << 24);
    struct sl_token_stream stream = {.n_held = 0};
    sl_error err = {0};
    /* A pattern of the file may be too costly for the text; that is an error with a message, like any other. */
    if (sl_tokenizer_encode(t, text, n, flags, &ids, &err) != SL_OK && !err.message[0]) abort();
    if (sl_tokenizer_decode(t, ids.data, ids.len, false, &back, &err) != SL_OK) abort();
    for (size_t i = 0; i < ids.len; i++)
        if (sl_token_stream_add(t, &stream, ids.data[i], true, &back, &err) != SL_OK) abort();
    sl_token_stream_end(&stream, &back);
    sl_buf_release(&back);
    sl_token_ids_release(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static const char text[] =
        "I'll see 2 cats:\n\n\te\xCC\x81 \xE6\x97\xA5\xE6\x9C\xAC <think>\xF0\x9F\x98\x80</think>"
        "<|im_end|>  aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa \xFF\xC3";
    struct sl_tokenizer *t = NULL;
    sl_error err = {0};
    if (sl_tokenizer_parse((const char *)bytes, n, &t, &err) != SL_OK) {
        if (t || !err.message[0]) abort();
        return 0;
    }
    round_trip(t, text, sizeof text - 1, SL_ENCODE_EVERYTHING);
    round_trip(t, (const char *)bytes, n, SL_ENCODE_PLAIN);
    sl_tokenizer_free(&t);
    return 0;
}
