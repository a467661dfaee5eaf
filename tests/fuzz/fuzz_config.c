/*
 * fuzz_config.c: any bytes as config.json and as generation_config.json; what is accepted must be usable.
 */
#include "model/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    sl_config c;
    sl_error err = {0};
    if (sl_config_parse((const char *)bytes, n, &c, &err)) {
        if (!err.message[0]) abort();
        if (sl_config_named("nano", &c, NULL)) abort();
    } else if (sl_config_check(&c, &err) || c.vit.hidden % c.vit.n_heads || c.ids.eos >= c.decoder.vocab) {
        abort();
    }
    sl_generation_config g;
    err.message[0] = '\0';
    if (sl_generation_config_parse((const char *)bytes, n, &c, &g, &err)) return err.message[0] ? 0 : -1;
    if (g.n_eos < 0 || g.n_eos > 8 || !(g.temperature >= 0) || !(g.top_p > 0 && g.top_p <= 1)) abort();
    for (int i = 0; i < g.n_eos; i++)
        if (g.eos[i] < 0 || g.eos[i] >= c.decoder.vocab) abort();
    return 0;
}
