/*
 * test_comm.c: every collective, alone and with 2 and 4 ranks: the program starts itself again under mpirun, where each
 * rank checks what it gets against what all ranks must have given.
 */
#include "test.h"

#include "comm/comm.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 1000 };

/* What rank r gives in place i: sums depend on their order in the last bits. */
static float given(int r, int64_t i)
{
    return 1.0f / (float)(1 + r + 3 * i) + 1e4f * (float)((r + i) % 3);
}

static float sum_in_order(int size, int64_t i)
{
    float sum = given(0, i);
    for (int r = 1; r < size; r++) sum += given(r, i);
    return sum;
}

static void check_blocks(sl_comm *c)
{
    int64_t starts[65];
    float data[N], all[N] = {0};
    sl_comm_split(N, c->size, starts);
    for (int i = 0; i < N; i++) data[i] = given(c->rank, i);
    c->reduce_scatter(c, data, starts);
    for (int64_t i = starts[c->rank]; i < starts[c->rank + 1]; i++)
        assert_true(data[i] == sum_in_order(c->size, i)); /* to the bit */
    c->gather(c, data + starts[c->rank], c->rank ? NULL : all, starts);
    for (int i = 0; i < N && c->rank == 0; i++) assert_true(all[i] == sum_in_order(c->size, i));
    for (int64_t i = 0; i < N; i++)
        if (i < starts[c->rank] || i >= starts[c->rank + 1]) data[i] = -1;
    c->all_gather(c, data, starts);
    for (int i = 0; i < N; i++) assert_true(data[i] == sum_in_order(c->size, i));
}

static void check_values(sl_comm *c)
{
    double values[3] = {c->rank, 0.1 * (c->rank + 1), -1}, want = 0;
    int sent = c->rank == 0 ? 42 : -7;
    for (int r = 0; r < c->size; r++) want += 0.1 * (r + 1);
    c->sum(c, values, 3);
    assert_true(values[0] == c->size * (c->size - 1) / 2 && values[1] == want && values[2] == -c->size);
    c->broadcast(c, &sent, sizeof sent);
    assert_int_equal(sent, 42);
}

/* Rank r gives r bytes: some give none. */
static void check_bytes(sl_comm *c)
{
    struct sl_buf out = SL_BUF_INIT(1 << 12);
    size_t ends[64];
    char mine[64];
    sl_error err = {0};
    memset(mine, 'a' + c->rank, sizeof mine);
    sl_buf_add(&out, "before", 6);
    assert_sl_ok(c->all_gather_bytes(c, mine, (size_t)c->rank, &out, ends, &err), &err);
    for (int r = 0; r < c->size; r++) {
        for (size_t i = r ? ends[r - 1] : 6; i < ends[r]; i++) assert_int_equal(out.data[i], 'a' + r);
        assert_int_equal(ends[r], 6 + r * (r + 1) / 2);
    }
    sl_buf_release(&out);
}

static void check_agreement(sl_comm *c)
{
    sl_error err = {0};
    assert_int_equal(sl_comm_agree(c, SL_OK, &err), SL_OK);
    for (int bad = 0; bad < c->size; bad++) {
        sl_status mine = c->rank >= bad ? sl_fail(&err, SL_ERR_IO, "rank %d", c->rank) : SL_OK;
        char want[32];
        snprintf(want, sizeof want, "rank %d", bad);
        assert_int_equal(sl_comm_agree(c, mine, &err), SL_ERR_IO); /* all hear of the first */
        assert_string_equal(err.message, want);
    }
}

static void test_every_collective_gives_what_all_ranks_gave(void **state)
{
    (void)state;
    sl_comm *c = NULL;
    sl_error err = {0};
    const char *want = getenv("SL_TEST_RANKS");
    assert_sl_ok(sl_comm_new(&c, &err), &err);
    assert_int_equal(c->size, want ? (int)strtol(want, NULL, 10) : 1);
    assert_string_equal(c->backend, want ? "mpi" : "single");
    check_blocks(c);
    check_values(c);
    check_bytes(c);
    check_agreement(c);
    sl_comm_free(&c);
    assert_null(c);
    sl_comm_free(&c);
}

static void test_blocks_cover_everything_once(void **state)
{
    (void)state;
    int64_t starts[65];
    for (int size = 1; size <= 64; size *= 2) {
        for (int64_t n = 0; n < 1000; n += 37) {
            sl_comm_split(n, size, starts);
            assert_true(starts[0] == 0 && starts[size] == n);
            for (int r = 0; r < size; r++) {
                assert_true(starts[r] <= starts[r + 1]);
                assert_true(starts[r] % 64 == 0 || starts[r] == n);
            }
        }
    }
}

static void test_ranks_under_mpirun(void **state)
{
    (void)state;
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(n > 0);
    self[n] = '\0';
    if (access("/usr/bin/mpirun", X_OK) != 0) {
        print_message("skipped: no mpirun\n");
        skip();
    }
    for (int ranks = 2; ranks <= 4; ranks *= 2) {
        char count[8];
        snprintf(count, sizeof count, "%d", ranks);
        fflush(NULL);
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            setenv("SL_TEST_RANKS", count, 1);
            execl("/usr/bin/timeout", "timeout", "60", "mpirun", "-np", count, self, (char *)NULL);
            _exit(127);
        }
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (status) fail_msg("%d ranks: status %d", ranks, status);
    }
}

int main(void)
{
    const struct CMUnitTest rank[] = {cmocka_unit_test(test_every_collective_gives_what_all_ranks_gave)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_collective_gives_what_all_ranks_gave),
        cmocka_unit_test(test_blocks_cover_everything_once),
        cmocka_unit_test(test_ranks_under_mpirun),
    };
    if (getenv("SL_TEST_RANKS")) return cmocka_run_group_tests(rank, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
