"""The adapter of an organisation that receives referrals."""
