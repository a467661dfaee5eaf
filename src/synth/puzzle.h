/*
 * puzzle.h: what the files of the puzzle family share: the canvas they draw on, moves in answers, and their parts.
 *
 * Each puzzle has a maker that draws the picture and asks, and a rule that simulates whatever answer comes. Makers
 * belong to one thread.
 */
#ifndef SL_SYNTH_PUZZLE_H
#define SL_SYNTH_PUZZLE_H

#include "synth/check.h"
#include "synth/paint.h"
#include "synth/scene.h"

/* A puzzle being made. */
struct sl_puzzle {
    const struct sl_synth_request *r;
    struct sl_synth_sample *out;
    struct sl_paint paint;
    struct sl_scene_brush *brush; /* borrowed from the family's state */
    sl_error *err;
    int style;                /* one of SL_PUZZLE_STYLES, by the request's split */
    double ground[3], ink[3]; /* colours of the style */
    double board[4];          /* x, y, width, height of what the puzzle may draw on, in pixels */
};

enum { SL_PUZZLE_STYLES = 8 };

/* Opens the canvas with the style's ground and a margin around a board of `columns` to `rows`. */
sl_status sl_puzzle_open(struct sl_puzzle *p, int columns, int rows);

/* Adds the picture to the user's message; the canvas is closed. */
sl_status sl_puzzle_show(struct sl_puzzle *p);

/* Sets the brush to colour i of n that are told apart easily, in the puzzle's style. */
void sl_puzzle_colour(const struct sl_puzzle *p, int i);

/* Paints text of that height in pixels centred at (x, y), in the present colour. */
void sl_puzzle_label(const struct sl_puzzle *p, const char *text, double height, double x, double y);

/* Fills (and with line > 0 outlines) a rectangle with rounded corners. */
void sl_puzzle_tile(const struct sl_puzzle *p, double x, double y, double w, double h, double radius);

/* Sets the brush to the style's ink. */
void sl_puzzle_ink(const struct sl_puzzle *p);

/* --- directions --------------------------------------------------------------------------------------------------- */

/* Up, right, down, left: bit 1 << d of a cell says that one can leave it that way. */
enum { SL_UP, SL_RIGHT, SL_DOWN, SL_LEFT, SL_N_WAYS };

/* Steps in x and y of each way, and its name. */
int sl_way_dx(int way);
int sl_way_dy(int way);
const char *sl_way_name(int way);

/* Reads the way at *text ("up", "U", "left"), passing commas and spaces before it, and moves past it; -1: none. */
int sl_way_read(const char **text);

/* Returns the plain text of an answer, folded; owned (free), NULL without memory. */
char *sl_puzzle_said(const struct sl_answer *a);

/* Reads up to max whole numbers from text; returns how many there are. */
int sl_puzzle_numbers(const char *text, int *out, int max);

/* --- the puzzles ------------------------------------------------------------------------------------------------- */

/* Each draws its puzzle in p's request (level 0..3) and asks; p is empty but for r, out, brush and err. */
sl_status sl_puzzle_maze(struct sl_puzzle *p);         /* the moves to the exit */
sl_status sl_puzzle_maze_length(struct sl_puzzle *p);  /* how many moves it takes */
sl_status sl_puzzle_maze_exit(struct sl_puzzle *p);    /* which exit can be reached */
sl_status sl_puzzle_slide(struct sl_puzzle *p);        /* sliding blocks: moves that free a block */
sl_status sl_puzzle_slide_length(struct sl_puzzle *p); /* sliding blocks: how many moves at least */
sl_status sl_puzzle_tiles(struct sl_puzzle *p);        /* numbered tiles and a gap */
sl_status sl_puzzle_tictactoe(struct sl_puzzle *p);    /* the best move, or who has won */
sl_status sl_puzzle_2048(struct sl_puzzle *p);         /* the board after a move, or the best move */
sl_status sl_puzzle_sudoku(struct sl_puzzle *p);       /* four by four, to fill in */
sl_status sl_puzzle_matrix(struct sl_puzzle *p);       /* which picture completes the pattern */
sl_status sl_puzzle_spot(struct sl_puzzle *p);         /* what differs between two pictures, and where */
sl_status sl_puzzle_jigsaw(struct sl_puzzle *p);       /* the order of a cut picture's pieces */
sl_status sl_puzzle_paths(struct sl_puzzle *p);        /* how many ways through a net of streets */
sl_status sl_puzzle_bug(struct sl_puzzle *p);          /* which line of a program is wrong */
sl_status sl_puzzle_program(struct sl_puzzle *p);      /* what a program prints */

/* Validates a finished sample of sl_puzzle_spot. */
sl_status sl_puzzle_validate_spot(const struct sl_synth_sample *s, sl_error *err);

/* Their rules; each is a sl_checker's score. The truth's keys are in docs/SYNTH.md. */
double sl_puzzle_check_maze(const json_t *truth, const struct sl_answer *a);
double sl_puzzle_check_slide(const json_t *truth, const struct sl_answer *a);
double sl_puzzle_check_tiles(const json_t *truth, const struct sl_answer *a);
double sl_puzzle_check_one_of(const json_t *truth, const struct sl_answer *a);
double sl_puzzle_check_numbers(const json_t *truth, const struct sl_answer *a);
double sl_puzzle_check_sudoku(const json_t *truth, const struct sl_answer *a);
double sl_puzzle_check_bug(const json_t *truth, const struct sl_answer *a);

#endif
