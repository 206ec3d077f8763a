/* How core.Lines are written: one line after the other. */
#pragma once

#include "lines.h"

typedef struct Writer {
  Lines *lines;
  char *to;
} Writer;

/* Pushes room for so many lines with so many bytes, their ends among them. */
Writer lines_push_room(lua_State *L, size_t count, size_t bytes);

/* `glue` stands between name and value. */
void lines_add(Writer *writer, const char *name, size_t name_size,
               const char *value, size_t size, const char *glue);

/* The last one may have another behind it in the same node. */
void lines_lead(Writer *writer);

/* When all are there. */
void lines_join(Lines *lines);
