//! One test binary: the house as a whole, and the program as its users meet it.

mod architecture;
mod contracts;
mod readme;
