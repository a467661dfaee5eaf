/*
 * test_parts.c: the small parts of the training loop by themselves: rates, verdicts, event files, signals.
 */
#include "test.h"

#include "base/buf.h"
#include "base/file.h"
#include "train/events.h"
#include "train/guard.h"
#include "train/schedule.h"
#include "train/signals.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_rates_rise_along_a_line_and_fall_along_the_shape(void **state)
{
    (void)state;
    enum { STEPS = 100, WARM = 10 };
    sl_schedule s = {.shape = SL_SCHEDULE_COSINE, .max_lr = 2, .min_lr = 0.5, .warmup = (double)WARM / STEPS};
    double one = 1.0 / STEPS;
    for (int i = 0; i < WARM; i++) assert_float_equal(sl_schedule_lr(&s, i * one, one), 2.0 * (i + 1) / WARM, 1e-9);
    assert_float_equal(sl_schedule_lr(&s, 0.55, one), 1.25, 1e-9); /* the middle of what is left */
    assert_float_equal(sl_schedule_lr(&s, 0.325, one), 0.5 + 1.5 * 0.5 * (1 + cos(acos(-1.0) / 4)), 1e-9);
    assert_float_equal(sl_schedule_lr(&s, 1, one), 0.5, 1e-9);
    for (int i = WARM; i < STEPS; i++)
        assert_true(sl_schedule_lr(&s, (i + 1) * one, one) < sl_schedule_lr(&s, i * one, one));
    s.shape = SL_SCHEDULE_LINEAR;
    assert_float_equal(sl_schedule_lr(&s, 0.325, one), 0.5 + 1.5 * 0.75, 1e-9);
    s.shape = SL_SCHEDULE_CONSTANT;
    assert_float_equal(sl_schedule_lr(&s, 0.9, one), 2, 0);
    s.warmup = 0;
    assert_float_equal(sl_schedule_lr(&s, 0, one), 2, 0);
}

static void test_spikes_and_what_is_not_finite_are_told_from_good_steps(void **state)
{
    (void)state;
    sl_guard g = {.spike = 10}, read = {.spike = 10};
    for (int i = 0; i < SL_GUARD_SETTLE - 1; i++) assert_int_equal(sl_guard_judge(&g, 1, i ? 1 : 30), SL_VERDICT_GOOD);
    assert_int_equal(sl_guard_judge(&g, 1, 100), SL_VERDICT_GOOD); /* not settled */
    double mean = g.mean;
    assert_float_equal(mean, (30 + 18 + 100) / 20.0, 1e-9);
    assert_int_equal(sl_guard_judge(&g, 1, 10.01 * mean), SL_VERDICT_SPIKE);
    assert_int_equal(sl_guard_judge(&g, NAN, 1), SL_VERDICT_NOT_FINITE);
    assert_int_equal(sl_guard_judge(&g, 1, INFINITY), SL_VERDICT_NOT_FINITE);
    assert_true(g.mean == mean); /* what was bad is not usual */
    assert_int_equal(g.in_a_row, 3);
    json_t *saved = sl_guard_save(&g);
    sl_guard_restore(&read, saved);
    json_decref(saved);
    assert_true(read.mean == g.mean && read.n_good == 20 && read.n_bad == 3 && read.in_a_row == 3);
    assert_int_equal(sl_guard_judge(&g, 1, 9.9 * mean), SL_VERDICT_GOOD);
    assert_int_equal(g.in_a_row, 0);
    g.spike = 0;
    assert_int_equal(sl_guard_judge(&g, 1, 1e30), SL_VERDICT_GOOD);
}

/* Returns the path of the only event file in the temporary folder, in a static buffer. */
static const char *event_file(void)
{
    static char name[300];
    DIR *d = opendir(test_temp_dir());
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d));)
        if (strncmp(e->d_name, "events.out.tfevents.", 20) == 0) snprintf(name, sizeof name, "%s", e->d_name);
    closedir(d);
    return test_temp_path(name);
}

/* Reads an event file with nothing of this program's: table-driven CRC-32C, TFRecord framing, protocol buffers. */
static const char READER[] =
    "import struct, sys\n"
    "table = []\n"
    "for i in range(256):\n"
    "    for _ in range(8): i = i >> 1 ^ (0x82f63b78 if i & 1 else 0)\n"
    "    table.append(i)\n"
    "def crc(b):\n"
    "    c = 0xffffffff\n"
    "    for x in b: c = c >> 8 ^ table[(c ^ x) & 255]\n"
    "    c ^= 0xffffffff\n"
    "    return ((c >> 15 | c << 17) + 0xa282ead8) & 0xffffffff\n"
    "assert crc(b'123456789') == (((0xe3069283 >> 15 | 0xe3069283 << 17) + 0xa282ead8) & 0xffffffff)\n"
    "def varint(b, i):\n"
    "    x = s = 0\n"
    "    while True:\n"
    "        x |= (b[i] & 127) << s; s += 7; i += 1\n"
    "        if b[i - 1] < 128: return x, i\n"
    "def fields(b):\n"
    "    i = 0; out = {}\n"
    "    while i < len(b):\n"
    "        k, i = varint(b, i)\n"
    "        if k & 7 == 0: v, i = varint(b, i)\n"
    "        elif k & 7 == 1: v = struct.unpack('<d', b[i:i + 8])[0]; i += 8\n"
    "        elif k & 7 == 5: v = struct.unpack('<f', b[i:i + 4])[0]; i += 4\n"
    "        else: n, i = varint(b, i); v = b[i:i + n]; i += n\n"
    "        out[k >> 3] = v\n"
    "    return out\n"
    "b = open(sys.argv[1], 'rb').read(); i = 0; n = 0\n"
    "while i < len(b):\n"
    "    size, = struct.unpack('<Q', b[i:i + 8])\n"
    "    assert struct.unpack('<I', b[i + 8:i + 12])[0] == crc(b[i:i + 8]), 'length of %d' % n\n"
    "    data = b[i + 12:i + 12 + size]\n"
    "    assert struct.unpack('<I', b[i + 12 + size:i + 16 + size])[0] == crc(data), 'data of %d' % n\n"
    "    e = fields(data); i += 16 + size; n += 1\n"
    "    assert e[1] > 1.6e9\n"
    "    if 5 in e: v = fields(fields(e[5])[1]); print(e.get(2, 0), v[1].decode(), '%.9g' % v[2])\n"
    "    elif 3 in e: print(e.get(2, 0), e[3].decode())\n"
    "    else: print(e.get(2, 0), 'session', fields(e[7])[1])\n";

static void test_tensorboard_files_are_read_by_another_reader(void **state)
{
    (void)state;
    if (access("/usr/bin/python3", X_OK) != 0) {
        print_message("skipped: no python3\n");
        skip();
    }
    sl_events e = {0};
    sl_error err = {0};
    sl_events_add(&e, 1, "closed", 1); /* nothing happens */
    assert_sl_ok(sl_events_open(&e, test_temp_dir(), 7, &err), &err);
    sl_events_add(&e, 8, "loss", 0.1);
    sl_events_add(&e, (int64_t)1 << 40, "loss/scenes", -2.5);
    sl_events_close(&e);
    test_write_file(test_temp_path("reader.py"), READER, sizeof READER - 1);
    char command[8192];
    int n = snprintf(command, sizeof command, "/usr/bin/python3 %s", test_temp_path("reader.py"));
    n += snprintf(command + n, sizeof command - (size_t)n, " %s", event_file());
    snprintf(command + n, sizeof command - (size_t)n, " >%s", test_temp_path("said.txt"));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct sl_buf said = SL_BUF_INIT(1 << 16);
    assert_sl_ok(sl_file_read(test_temp_path("said.txt"), &said, &err), &err);
    assert_string_equal(sl_buf_str(&said), "0 brain.Event:2\n7 session 1\n8 loss 0.100000001\n"
                                           "1099511627776 loss/scenes -2.5\n");
    sl_buf_release(&said);
}

static void test_a_signal_is_seen_once_and_for_all(void **state)
{
    (void)state;
    sl_signals s;
    sl_signals_hold(&s);
    assert_false(sl_signals_stop(&s));
    kill(getpid(), SIGTERM); /* held back: this program goes on */
    assert_true(sl_signals_stop(&s));
    assert_true(sl_signals_stop(&s));
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_false(sigismember(&blocked, SIGTERM)); /* the next one ends the program */
    sl_signals_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_rise_along_a_line_and_fall_along_the_shape),
        cmocka_unit_test(test_spikes_and_what_is_not_finite_are_told_from_good_steps),
        cmocka_unit_test(test_tensorboard_files_are_read_by_another_reader),
        cmocka_unit_test(test_a_signal_is_seen_once_and_for_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
