# One interface target carries the flags of our own code; third-party code never sees them.
add_library(coe_flags INTERFACE)
target_compile_options(coe_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms of GCC 12 inside std::string and std::vector::insert (GCC bugs 105329, 105651).
  target_compile_options(coe_flags INTERFACE -Wno-restrict -Wno-stringop-overflow)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # False alarms inside libstdc++ 12, whose algorithms call what C++17 deprecated.
  target_compile_options(coe_flags INTERFACE -Wno-deprecated-declarations)
endif()
if(COE_WERROR)
  target_compile_options(coe_flags INTERFACE -Werror)
endif()
if(COE_SANITIZE)
  target_compile_definitions(coe_flags INTERFACE COE_SANITIZED)
  target_compile_options(coe_flags INTERFACE -fsanitize=${COE_SANITIZE} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer)
  target_link_options(coe_flags INTERFACE -fsanitize=${COE_SANITIZE})
endif()
