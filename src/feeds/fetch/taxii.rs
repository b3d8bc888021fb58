//! TAXII
