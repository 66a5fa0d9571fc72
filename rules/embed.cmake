# yunjian_embed(<variable> <data file> <name> [<top>]): generates a source file that defines
# `std::string_view yunjian::<top>::<name>()` with the bytes of the data file, and appends it to
# <variable>; <top> is rules when it is left out. The data file stays the source; the programs
# stand alone.
function(yunjian_embed variable file name)
  set(top rules)
  if(ARGC GREATER 3)
    set(top ${ARGV3})
  endif()
  set(path "${CMAKE_CURRENT_SOURCE_DIR}/${file}")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${path}")
  file(READ "${path}" content)
  set(generated "${CMAKE_CURRENT_BINARY_DIR}/${name}.cc")
  file(CONFIGURE OUTPUT "${generated}" CONTENT [[
#include <string_view>

namespace yunjian::@top@ {
std::string_view @name@();
std::string_view @name@() {
  return R"yunjian(@content@)yunjian";
}
}  // namespace yunjian::@top@
]] @ONLY)
  set(${variable} ${${variable}} "${generated}" PARENT_SCOPE)
endfunction()
