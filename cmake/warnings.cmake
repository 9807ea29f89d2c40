# One interface target carries the flags of our own code; third-party code never sees them.
add_library(coe_flags INTERFACE)
target_compile_options(coe_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow)
if(COE_WERROR)
  target_compile_options(coe_flags INTERFACE -Werror)
endif()
if(COE_SANITIZE)
  target_compile_options(coe_flags INTERFACE -fsanitize=${COE_SANITIZE} -fno-sanitize-recover=all
                         -fno-omit-frame-pointer)
  target_link_options(coe_flags INTERFACE -fsanitize=${COE_SANITIZE})
endif()
