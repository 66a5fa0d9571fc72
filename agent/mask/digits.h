#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace yunjian::agent {

// A stretch of a text that is to be masked.
struct MaskSpan {
  std::size_t begin;
  std::size_t size;
};

// Whether so many digits follow one another somewhere; looks at few bytes when they do not.
bool has_digit_run(std::string_view text, std::size_t length);

// Identity card numbers (GB 11643-1999) that stand alone: region, a real birth date from 1900 on,
// the check character right by ISO 7064 MOD 11-2. The spans leave the six digits of the region.
void find_identity_cards(std::string_view text, std::vector<MaskSpan>& spans);

// Mobile numbers of mainland China that stand alone, also behind 86. The spans are the four digits
// in the middle.
void find_mobile_numbers(std::string_view text, std::vector<MaskSpan>& spans);

}  // namespace yunjian::agent
