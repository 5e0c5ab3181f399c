/* tree_check.h - what count_tree.h promises of its nodes, looked at node by node. */
#ifndef UNIT_TYPES_TREE_CHECK_H
#define UNIT_TYPES_TREE_CHECK_H

#include "types/count_tree.h"

/* Records a failure of the running test for each breach. `late` is what the weights above the
 * first and the last leaf lack; NULL: nothing. */
void tree_check(const struct count_tree *t, const int64_t late[2]);

/* Rows in the leaves, per 1,000 that they have room for. */
unsigned tree_fill_permille(const struct count_tree *t);

#endif
