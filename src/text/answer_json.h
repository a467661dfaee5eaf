/*
 * answer_json.h: what an answer points at, as JSON: in coordinates and in pixels of the picture that was asked about.
 */
#ifndef SL_TEXT_ANSWER_JSON_H
#define SL_TEXT_ANSWER_JSON_H

#include "text/answer.h"

#include <jansson.h>

/*
 * Sets in object (borrowed) the keys "points" [{x, y, px, py, label}], "boxes" [{x1, y1, x2, y2, px1, py1, px2, py2,
 * label}], "polygons" [{points: [[x, y], ...], pixels: [[px, py], ...], label}], "boxes3d" [{center, size, angles,
 * label}] and "times" [{start, end}]: x and y are coordinates from 0 to 999, px and py (sl_coordinate_to_pixel) pixels
 * of a picture of width x height, left out when width is 0; labels only where there is one. Lists are there when they
 * have items, or when empty is true. False without memory.
 */
bool sl_answer_json(const struct sl_answer *a, int width, int height, bool empty, json_t *object);

#endif
