/*
 * fuzz_chat_request.c: bodies of requests: whatever comes is read or refused, and never leaks.
 */
#include "serve/chat_request.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sl_api_chat chat;
    struct sl_api_problem problem = {0};
    sl_sampling sampling;
    sl_sampling_defaults(&sampling);
    if (sl_api_chat_read((const char *)data, size, &sampling, &chat, &problem)) {
        for (int i = 0; i < chat.n_messages; i++) {
            const struct sl_api_message *m = &chat.messages[i];
            SL_CHECK(m->first >= 0 && m->first + m->n_parts <= chat.n_parts);
        }
        for (int i = 0; i < chat.n_parts; i++) {
            SL_CHECK(chat.parts[i].kind != SL_CHAT_PICTURE || chat.parts[i].media < chat.n_media);
        }
    } else {
        SL_CHECK(problem.status >= 400 && problem.message[0]);
    }
    sl_api_chat_release(&chat);
    return 0;
}
