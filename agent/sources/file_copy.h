#pragma once

#include <cstdint>

#include "agent/sources/file_place.h"

namespace yunjian::agent {

// Whether the open file begins with the bytes that the fingerprint was made of.
bool begins_as(int descriptor, const Fingerprint& fingerprint);

// Whether `copy` may be a copy, finished or not, of the first part of the file at `place` that is
// open as `original`: it holds the same bytes at its beginning and at its end. Once the original
// was emptied only its fingerprint is left to compare with.
bool is_copy_of(int copy, int original, const FilePlace& place);

}  // namespace yunjian::agent
