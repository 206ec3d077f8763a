/* The pairs of a table in the order of their names. */
#pragma once

#include "compat.h"

typedef struct Pair {
  const char *name;
  int at; /* where on the stack the name stands, and the value behind it */
} Pair;

/* Pushes the pairs of the table at `table`, where they stay: a finalizer may take them
   out of it. Fills `list`, and returns how many there are; -1: more than `most`, or
   `is_usual` refuses one, whose name is at the top but one and whose value is at
   the top. What it lets through has a string as its name. */
int sorted_pairs(lua_State *L, int table, Pair *list, int most,
                 bool (*is_usual)(lua_State *L));
