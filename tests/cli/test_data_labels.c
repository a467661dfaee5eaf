/*
 * test_data_labels.c: counting the answers of a dataset by domain and checker.
 */
#include "cli/data.h"

#include "test.h"

static void answers_are_counted_by_domain_and_checker(void **state)
{
    (void)state;
    json_t *labels = json_object();
    for (int i = 0; i < 4; i++) {
        sl_cli_labels_add(labels, "scenes",
                          i ? "{\"checker\":\"yes-no\",\"answer\":\"no\"}"
                            : "{\"checker\":\"yes-no\",\"answer\":\"yes\"}");
        sl_cli_labels_add(labels, "scenes", "{\"checker\":\"count\",\"answer\":3}");
        sl_cli_labels_add(labels, NULL, "{\"checker\":\"exact\",\"answer\":[\"red\",\"crimson\"]}");
        sl_cli_labels_add(labels, "scenes", "{\"checker\":\"boxes\",\"answer\":[[1,2,3,4]]}");
        sl_cli_labels_add(labels, "scenes", NULL);
        sl_cli_labels_add(labels, "scenes", "no json");
    }
    json_t *counted = sl_cli_labels_json(labels);
    assert_int_equal(json_object_size(counted), 3);
    json_t *yes_no = json_object_get(counted, "scenes yes-no"), *exact = json_object_get(counted, "- exact");
    assert_int_equal(json_integer_value(json_object_get(yes_no, "samples")), 4);
    assert_int_equal(json_integer_value(json_object_get(yes_no, "different")), 2);
    assert_string_equal(json_string_value(json_object_get(yes_no, "most_common")), "no");
    assert_true(json_real_value(json_object_get(yes_no, "share")) == 0.75);
    assert_string_equal(json_string_value(json_object_get(exact, "most_common")), "red");
    json_decref(counted);
    json_decref(labels);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_are_counted_by_domain_and_checker)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
