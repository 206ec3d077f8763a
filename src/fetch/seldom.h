/* What a receiver needs for uploads, trailers and files: ten thousand transfers that
   wait have none of it. */
#pragma once

#include "gathered.h"

/* What a new receiver has in its place: empty, and the same for all. */
extern Seldom seldom_none;

/* One of the receiver's own, to be written to; NULL: out of memory. */
Seldom *seldom_own(Receiver *receiver);

/* Empty for the next transfer. */
void seldom_reset(Seldom *seldom);

void seldom_free(Seldom *seldom);
