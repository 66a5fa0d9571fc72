# yunjian_embed(<variable> <data file> <name>): generates a source file that defines
# `std::string_view yunjian::rules::<name>()` with the bytes of the data file, and appends it to
# <variable>. The data file stays the source; the programs stand alone.
function(yunjian_embed variable file name)
  set(path "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${path}")
  file(READ "${path}" content)
  set(generated "${CMAKE_CURRENT_BINARY_DIR}/${name}.cc")
  file(CONFIGURE OUTPUT "${generated}" CONTENT [[
#include <string_view>

namespace yunjian::rules {
std::string_view @name@();
std::string_view @name@() {
  return R"yunjian(@content@)yunjian";
}
}  // namespace yunjian::rules
]] @ONLY)
  set(${variable} ${${variable}} "${generated}" PARENT_SCOPE)
endfunction()
