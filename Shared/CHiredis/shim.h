#pragma once
#include <sys/types.h>
#include <sys/select.h>
#include <hiredis/hiredis.h>
#include <hiredis/async.h>
#include <hiredis/adapters/libevent.h>
