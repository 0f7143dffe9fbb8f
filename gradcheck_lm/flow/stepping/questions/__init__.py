"""What is asked of a ledger: one file for each family of kinds; a ledger goes in, drafts of findings come out."""
