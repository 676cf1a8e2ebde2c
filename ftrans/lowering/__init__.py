"""Between jaxprs and machine code, without naming a backend: kernels as loop nests, and what builds and prints them."""
