/*
 * puzzle_run.c: the interpreter of puzzle_run.h: lines are read anew each time, since programs have ten of them.
 */
#include "synth/puzzle_run.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_VARIABLES = 16, MAX_NAME = 12, MAX_STEPS = 4000, MAX_DEPTH = 16 };
static const long limit = 1000000000L;

struct machine {
    const struct sl_program *p;
    char names[MAX_VARIABLES][MAX_NAME];
    long values[MAX_VARIABLES];
    int n_variables, steps, depth;
    const char *at; /* what is being read */
    bool failed, has_printed;
    long printed;
};

static long fail(struct machine *m)
{
    m->failed = true;
    return 0;
}

static void spaces(struct machine *m)
{
    while (*m->at == ' ') m->at++;
}

static bool take(struct machine *m, const char *token)
{
    spaces(m);
    size_t n = strlen(token);
    if (strncmp(m->at, token, n) != 0) return false;
    if (isalpha((unsigned char)token[0]) && (isalnum((unsigned char)m->at[n]) || m->at[n] == '_')) return false;
    m->at += n;
    return true;
}

static void need(struct machine *m, const char *token)
{
    if (!take(m, token)) fail(m);
}

/* Reads a name into out; false when there is none. */
static bool name(struct machine *m, char out[MAX_NAME])
{
    int n = 0;
    spaces(m);
    if (!isalpha((unsigned char)*m->at)) return false;
    while ((isalnum((unsigned char)*m->at) || *m->at == '_') && n < MAX_NAME - 1) out[n++] = *m->at++;
    out[n] = 0;
    return true;
}

static long *variable(struct machine *m, const char *called, bool make)
{
    for (int i = 0; i < m->n_variables; i++)
        if (strcmp(m->names[i], called) == 0) return &m->values[i];
    if (!make || m->n_variables == MAX_VARIABLES) {
        fail(m);
        return &m->values[0];
    }
    memcpy(m->names[m->n_variables], called, MAX_NAME);
    return &m->values[m->n_variables++];
}

static long bounded(struct machine *m, long v)
{
    return v > limit || v < -limit ? fail(m) : v;
}

static long expression(struct machine *m);

static long atom(struct machine *m)
{
    char called[MAX_NAME];
    if (++m->depth > MAX_DEPTH) return fail(m);
    long v = 0;
    spaces(m);
    if (isdigit((unsigned char)*m->at)) {
        char *end;
        v = bounded(m, strtol(m->at, &end, 10));
        m->at = end;
    } else if (take(m, "(")) {
        v = expression(m);
        need(m, ")");
    } else if (take(m, "-")) {
        v = -atom(m);
    } else if (name(m, called)) {
        v = *variable(m, called, false);
    } else {
        fail(m);
    }
    m->depth--;
    return v;
}

/* Division and remainder as Python has them: rounded down. */
static long divide(struct machine *m, long a, long b, bool remainder)
{
    if (b == 0) return fail(m);
    long q = a / b, r = a % b;
    if (r && (r < 0) != (b < 0)) {
        q--;
        r += b;
    }
    return remainder ? r : q;
}

static long product(struct machine *m)
{
    long v = atom(m);
    while (!m->failed) {
        if (take(m, "//"))
            v = divide(m, v, atom(m), false);
        else if (take(m, "%"))
            v = divide(m, v, atom(m), true);
        else if (take(m, "*"))
            v = bounded(m, v * atom(m));
        else
            break;
    }
    return v;
}

static long sum(struct machine *m)
{
    long v = product(m);
    while (!m->failed) {
        if (take(m, "+"))
            v = bounded(m, v + product(m));
        else if (take(m, "-"))
            v = bounded(m, v - product(m));
        else
            break;
    }
    return v;
}

static long expression(struct machine *m)
{
    long v = sum(m);
    if (take(m, "==")) return v == sum(m);
    if (take(m, "!=")) return v != sum(m);
    if (take(m, "<=")) return v <= sum(m);
    if (take(m, ">=")) return v >= sum(m);
    if (take(m, "<")) return v < sum(m);
    if (take(m, ">")) return v > sum(m);
    return v;
}

static void end_of_line(struct machine *m)
{
    spaces(m);
    if (*m->at) fail(m);
}

static int indent_of(const struct sl_program *p, int line)
{
    return (int)strspn(p->lines[line], " ") / 4;
}

/* The line behind the block that follows `line`. */
static int after_block(const struct sl_program *p, int line)
{
    int k = line + 1;
    while (k < p->n && indent_of(p, k) > indent_of(p, line)) k++;
    return k;
}

static void run_lines(struct machine *m, int from, int to);

static void run_for(struct machine *m, int line)
{
    char called[MAX_NAME];
    if (!name(m, called)) {
        fail(m);
        return;
    }
    need(m, "in");
    need(m, "range");
    need(m, "(");
    long first = 0, last = expression(m);
    if (take(m, ",")) {
        first = last;
        last = expression(m);
    }
    need(m, ")");
    need(m, ":");
    end_of_line(m);
    int end = after_block(m->p, line);
    if (end == line + 1) fail(m);
    for (long i = first; i < last && !m->failed; i++) {
        *variable(m, called, true) = i;
        run_lines(m, line + 1, end);
    }
}

/* while and if: the condition is read again before each round. */
static void run_conditional(struct machine *m, int line, bool loop)
{
    const char *condition = m->at;
    int end = after_block(m->p, line);
    if (end == line + 1) fail(m);
    while (!m->failed) {
        m->at = condition;
        long holds = expression(m);
        need(m, ":");
        end_of_line(m);
        if (!holds || m->failed) return;
        run_lines(m, line + 1, end);
        if (!loop) return;
    }
}

static void run_assignment(struct machine *m)
{
    char called[MAX_NAME];
    static const char *const ops[] = {"+=", "-=", "*=", "="};
    if (!name(m, called)) {
        fail(m);
        return;
    }
    int op = 0;
    while (op < 4 && !take(m, ops[op])) op++;
    if (op == 4) {
        fail(m);
        return;
    }
    long v = expression(m);
    end_of_line(m);
    if (m->failed) return;
    long *to = variable(m, called, op == 3);
    *to = bounded(m, op == 0 ? *to + v : op == 1 ? *to - v : op == 2 ? *to * v : v);
}

/* Runs line k and what belongs to it; returns the next line. */
static int run_line(struct machine *m, int k)
{
    m->at = m->p->lines[k];
    if (++m->steps > MAX_STEPS) fail(m);
    if (take(m, "for")) {
        run_for(m, k);
        return after_block(m->p, k);
    }
    if (take(m, "while") || take(m, "if")) {
        run_conditional(m, k, strncmp(m->p->lines[k] + strspn(m->p->lines[k], " "), "while", 5) == 0);
        return after_block(m->p, k);
    }
    if (take(m, "print")) {
        need(m, "(");
        m->printed = expression(m);
        m->has_printed = true;
        need(m, ")");
        end_of_line(m);
    } else {
        run_assignment(m);
    }
    return k + 1;
}

static void run_lines(struct machine *m, int from, int to)
{
    for (int k = from; k < to && !m->failed;) {
        if (indent_of(m->p, k) != indent_of(m->p, from)) fail(m);
        k = run_line(m, k);
    }
}

bool sl_program_run(const struct sl_program *p, long *printed)
{
    struct machine m = {.p = p};
    if (p->n < 1 || indent_of(p, 0) != 0) return false;
    run_lines(&m, 0, p->n);
    *printed = m.printed;
    return !m.failed && m.has_printed;
}
