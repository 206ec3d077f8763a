/* See seldom.h. */
#include "seldom.h"

#include <stdlib.h>
#include <string.h>

Seldom seldom_none;

Seldom *seldom_own(Receiver *receiver)
{
  Seldom *own = receiver->seldom;
  if (own != &seldom_none)
    return own;
  own = calloc(1, sizeof *own);
  if (own != NULL)
    receiver->seldom = own;
  return own;
}

void seldom_reset(Seldom *seldom)
{
  if (seldom == &seldom_none)
    return;
  sink_close(&seldom->sink); /* of a transfer that was cut off */
  memset(&seldom->sink, 0, sizeof seldom->sink);
  buffer_clear(&seldom->trailers);
  buffer_clear(&seldom->feed);
  seldom->kept = 0;
}

void seldom_free(Seldom *seldom)
{
  if (seldom == &seldom_none)
    return;
  sink_close(&seldom->sink);
  buffer_free(&seldom->trailers);
  buffer_free(&seldom->feed);
  free(seldom);
}
