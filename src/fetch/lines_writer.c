/* See lines_writer.h. */
#include "lines_writer.h"

#include <string.h>

/* Pushes room for so many lines with so many bytes, their ends among them. */
Writer lines_push_room(lua_State *L, size_t count, size_t bytes)
{
  Writer writer;
  writer.lines = compat_newuserdata(L, sizeof *writer.lines +
                                           count * sizeof(Line) + bytes);
  memset(writer.lines, 0, sizeof *writer.lines);
  writer.lines->type = lines_type;
  writer.lines->self = writer.lines;
  writer.to = (char *)(writer.lines->list + count);
  luaL_setmetatable(L, lines_type);
  return writer;
}

void lines_add(Writer *writer, const char *name, size_t name_size,
               const char *value, size_t size, const char *glue)
{
  Lines *lines = writer->lines;
  Line *line = &lines->list[lines->count];
  char *start = writer->to;
  line->node.data = start;
  line->node.next = NULL;
  line->name_size = name_size;
  line->leads = line->follows = false;
  if (lines->count++ > 0)
    line[-1].node.next = &line->node;
  memcpy(writer->to, name, name_size);
  writer->to += name_size;
  while (*glue != '\0')
    *writer->to++ = *glue++;
  memcpy(writer->to, value, size);
  writer->to += size;
  line->size = (size_t)(writer->to - start);
  *writer->to++ = '\0';
}

/* The last one may have another behind it in the same node. */
void lines_lead(Writer *writer)
{
  writer->lines->list[writer->lines->count - 1].leads = true;
  writer->to++; /* room for the line break */
}

/* libcurl passes on what a node has as it is, and looks for a dozen of names in each
   node of each request, none of which is in a line that follows: one node less saves
   1,500 instructions. */
void lines_join(Lines *lines)
{
  int i;
  for (i = 1; i < lines->count; i++) {
    Line *line = &lines->list[i];
    char *end = line[-1].node.data + line[-1].size;
    if (!line[-1].leads || !line->follows)
      continue;
    end[0] = '\r';
    end[1] = '\n';
    line[-1].node.next = line->node.next;
  }
}
