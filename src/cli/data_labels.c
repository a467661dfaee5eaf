/*
 * data_labels.c: how evenly the answers of a dataset are spread: of every domain and checker whose truths are one short
 * answer (yes, B, 7, "red"), how many samples and different answers there are, and how many have the most common one. A
 * model that always says that one would be right so often.
 */
#include "cli/data.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

enum { MAX_LABELS = 100000, MAX_LABEL = 64, MAX_ROWS = 60 };

/* Writes the truth's answer as a label; false when it is none: a list of shapes, a paragraph. */
static bool label_of(const json_t *truth, char out[MAX_LABEL])
{
    const json_t *answer = json_object_get(truth, "answer");
    if (json_is_array(answer) && json_array_size(answer) && json_is_string(json_array_get(answer, 0)))
        answer = json_array_get(answer, 0); /* the first of the accepted ones */
    const char *text = json_string_value(answer);
    if (json_is_integer(answer))
        snprintf(out, MAX_LABEL, "%lld", (long long)json_integer_value(answer));
    else if (text && *text && strlen(text) < MAX_LABEL)
        snprintf(out, MAX_LABEL, "%s", text);
    else
        return false;
    return true;
}

void sl_cli_labels_add(json_t *labels, const char *domain, const char *truth)
{
    char label[MAX_LABEL], group[256];
    json_t *t = NULL;
    if (!truth || sl_json_parse(truth, strlen(truth), 64, &t, NULL) != SL_OK) return;
    const char *checker = json_string_value(json_object_get(t, "checker"));
    snprintf(group, sizeof group, "%.120s %.100s", domain ? domain : "-", checker ? checker : "-");
    if (label_of(t, label)) {
        json_t *counts = json_object_get(labels, group);
        if (!counts) {
            counts = json_object();
            json_object_set_new(labels, group, counts);
        }
        json_int_t before = json_integer_value(json_object_get(counts, label));
        if (before || json_object_size(counts) < MAX_LABELS)
            json_object_set_new(counts, label, json_integer(before + 1));
    }
    json_decref(t);
}

/* A group's numbers. */
struct spread {
    json_int_t n, most;
    const char *label; /* the most common one; borrowed */
};

static struct spread spread_of(const json_t *counts)
{
    struct spread s = {.label = ""};
    const char *label;
    json_t *count;
    json_object_foreach((json_t *)(uintptr_t)counts, label, count)
    {
        json_int_t n = json_integer_value(count);
        s.n += n;
        if (n > s.most) {
            s.most = n;
            s.label = label;
        }
    }
    return s;
}

void sl_cli_labels_print(const json_t *labels)
{
    const char *group;
    json_t *counts;
    int n = 0;
    if (json_object_size(labels) == 0) return;
    printf("\n%-32s %10s %12s   %s\n", "answers by domain and checker", "samples", "different", "most common");
    json_object_foreach((json_t *)(uintptr_t)labels, group, counts)
    {
        struct spread s = spread_of(counts);
        if (n++ == MAX_ROWS) {
            printf("... and %zu more\n", json_object_size(labels) - MAX_ROWS);
            break;
        }
        printf("%-32.32s %10lld %12zu   %s %.1f %%\n", group, (long long)s.n, json_object_size(counts), s.label,
               100.0 * (double)s.most / (double)s.n);
    }
}

json_t *sl_cli_labels_json(const json_t *labels)
{
    json_t *out = json_object();
    const char *group;
    json_t *counts;
    json_object_foreach((json_t *)(uintptr_t)labels, group, counts)
    {
        struct spread s = spread_of(counts);
        json_object_set_new(out, group,
                            json_pack("{s:I, s:I, s:s, s:f}", "samples", s.n, "different",
                                      (json_int_t)json_object_size(counts), "most_common", s.label, "share",
                                      (double)s.most / (double)s.n));
    }
    return out;
}
